// Latencies: 128 steps an octave, so that a percentile is wrong by less than 0.8 %, in 58 KiB whatever comes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "clients/cli/bench/counter.hpp"

namespace crier::cli::benchmark {

// What a histogram held at one moment; may be added up and subtracted.
class Latencies {
 public:
  Latencies();

  void add(const Latencies& other);
  // What has come since `earlier`, an older picture of the same. The largest stays that of all.
  void subtract(const Latencies& earlier);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double mean_ns() const;
  // The value that `percent` of all do not exceed, at most the step's upper end; 0 where there are none.
  [[nodiscard]] std::uint64_t percentile_ns(double percent) const;
  [[nodiscard]] std::uint64_t max_ns() const { return max_ns_; }

 private:
  friend class Histogram;
  std::vector<std::uint64_t> steps_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ns_ = 0;
  std::uint64_t max_ns_ = 0;
};

// Written by one thread; read() from any.
class Histogram {
 public:
  Histogram() : steps_(step_count) {}

  // A time before its beginning counts as 0.
  void add(std::int64_t ns) {
    const std::uint64_t value = ns < 0 ? 0 : static_cast<std::uint64_t>(ns);
    steps_[step_of(value)].add();
    sum_ns_.add(value);
    max_ns_.raise_to(value);
  }
  [[nodiscard]] Latencies read() const;

  static constexpr unsigned bits = 7;
  static constexpr std::uint64_t steps_an_octave = std::uint64_t{1} << bits;
  static constexpr std::size_t step_count = (64 - bits + 1) << bits;
  [[nodiscard]] static std::size_t step_of(std::uint64_t value) {
    if (value < steps_an_octave) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - bits - 1;
    return ((shift + std::size_t{1}) << bits) + static_cast<std::size_t>((value >> shift) - steps_an_octave);
  }
  // The largest value that falls into the step.
  [[nodiscard]] static std::uint64_t upper_end(std::size_t step);

 private:
  std::vector<Counter> steps_;
  Counter sum_ns_;
  Counter max_ns_;
};

}  // namespace crier::cli::benchmark
