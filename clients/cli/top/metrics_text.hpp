// What a broker's /metrics answers: Prometheus's text form, as far as a broker writes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::cli {

// Counts up to each bound, as of a moment or between two.
struct Histogram {
  struct Bucket {
    double bound;  // infinity at the end
    double count;  // of all up to the bound
  };
  std::vector<Bucket> buckets;  // in the order of their bounds

  [[nodiscard]] double count() const { return buckets.empty() ? 0 : buckets.back().count; }
  // What was added since `before`, of the same family. Where it is another process's, everything.
  [[nodiscard]] Histogram since(const Histogram& before) const;
  // Between two bounds as if evenly spread; beyond the last finite bound that bound. `share` from 0 to 1.
  // nullopt: nothing was counted.
  [[nodiscard]] std::optional<double> quantile(double share) const;
};

class Metrics {
 public:
  // nullopt: it is no such text, or none of a broker's.
  [[nodiscard]] static std::optional<Metrics> parse(std::string_view text);

  // The sum of a family's samples that carry the label ("" takes all); 0 where there is none.
  // A label is written as in the text: code="slow_consumer".
  [[nodiscard]] double sum(std::string_view family, std::string_view label = "") const;
  [[nodiscard]] double max(std::string_view family) const;
  [[nodiscard]] std::size_t count(std::string_view family) const;
  // A label's value of the family's first sample; "" where there is none.
  [[nodiscard]] std::string label(std::string_view family, std::string_view name) const;
  [[nodiscard]] Histogram histogram(std::string_view family) const;

 private:
  struct Sample {
    std::string name;
    std::string labels;  // what stands between the braces
    double value;
  };
  std::vector<Sample> samples_;
};

}  // namespace crier::cli
