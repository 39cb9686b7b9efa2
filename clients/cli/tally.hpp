// What has become of the lines that `crier pub` read, and the sentence that says so at the end.
#pragma once

#include <cstdint>
#include <string>

namespace crier::cli {

class Tally {
 public:
  void acknowledged() { ++acknowledged_; }
  // `line` counts from 1.
  void refused(std::uint64_t line);
  // Sent again without a key, so that it may be stored twice.
  void doubtful() { ++doubtful_; }

  [[nodiscard]] std::uint64_t acknowledged_count() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t refused_count() const { return refused_; }
  [[nodiscard]] std::uint64_t doubtful_count() const { return doubtful_; }

  // "1 line published, 2 not, the first of them line 2": `open` were sent or read, without an acknowledgement.
  [[nodiscard]] std::string summary(std::uint64_t open, std::uint64_t first_open) const;

 private:
  std::uint64_t acknowledged_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t first_refused_ = 0;
  std::uint64_t doubtful_ = 0;
};

}  // namespace crier::cli
