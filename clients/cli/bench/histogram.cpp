#include "clients/cli/bench/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace crier::cli::benchmark {

std::uint64_t Histogram::upper_end(std::size_t step) {
  if (step < steps_an_octave) return step;
  const std::size_t shift = (step >> bits) - 1;
  return (((step & (steps_an_octave - 1)) + steps_an_octave + 1) << shift) - 1;
}

Latencies Histogram::read() const {
  Latencies latencies;
  for (std::size_t i = 0; i < step_count; ++i) {
    latencies.steps_[i] = steps_[i].value();
    latencies.count_ += latencies.steps_[i];
  }
  latencies.sum_ns_ = sum_ns_.value();
  latencies.max_ns_ = max_ns_.value();
  return latencies;
}

Latencies::Latencies() : steps_(Histogram::step_count) {}

void Latencies::add(const Latencies& other) {
  for (std::size_t i = 0; i < steps_.size(); ++i) steps_[i] += other.steps_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

void Latencies::subtract(const Latencies& earlier) {
  for (std::size_t i = 0; i < steps_.size(); ++i) steps_[i] -= earlier.steps_[i];
  count_ -= earlier.count_;
  sum_ns_ -= earlier.sum_ns_;
}

double Latencies::mean_ns() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_ns_) / static_cast<double>(count_);
}

std::uint64_t Latencies::percentile_ns(double percent) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<std::uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_)));
  const std::uint64_t wanted = std::clamp<std::uint64_t>(rank, 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    seen += steps_[i];
    if (seen >= wanted) return std::min(Histogram::upper_end(i), max_ns_);
  }
  return max_ns_;
}

}  // namespace crier::cli::benchmark
