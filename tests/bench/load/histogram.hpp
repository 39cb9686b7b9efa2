// A log-linear histogram of latencies: 128 steps an octave, so a percentile is wrong by less than 0.8 %.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace crier::bench {

class Histogram {
 public:
  void add(std::int64_t ns) {
    const std::uint64_t value = ns < 0 ? 0 : static_cast<std::uint64_t>(ns);
    ++counts_[index(value)];
    ++total_;
    sum_ += static_cast<double>(value);
    max_ = std::max(max_, value);
  }

  void merge(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
  }

  [[nodiscard]] double mean_us() const { return total_ == 0 ? 0 : sum_ / static_cast<double>(total_) / 1e3; }
  [[nodiscard]] double max_us() const { return static_cast<double>(max_) / 1e3; }

  [[nodiscard]] double percentile_us(double percent) const {
    if (total_ == 0) return 0;
    const auto rank = static_cast<std::uint64_t>(std::llround(percent / 100 * static_cast<double>(total_)));
    const std::uint64_t wanted = std::clamp<std::uint64_t>(rank, 1, total_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted) return static_cast<double>(std::min(upper(i), max_)) / 1e3;
    }
    return max_us();
  }

 private:
  static constexpr unsigned bits = 7;
  static constexpr std::uint64_t steps = 1U << bits;

  static std::size_t index(std::uint64_t value) {
    if (value < steps) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - bits - 1;
    return ((shift + std::size_t{1}) << bits) + ((value >> shift) - steps);
  }
  // The largest value that falls into the step.
  static std::uint64_t upper(std::size_t i) {
    if (i < steps) return i;
    const std::size_t shift = (i >> bits) - 1;
    return (((i & (steps - 1)) + steps + 1) << shift) - 1;
  }

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>((64 - bits + 1) << bits);
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace crier::bench
