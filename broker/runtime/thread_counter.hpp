// Counters with one writing thread and any number of readers: a plain add, no locked instruction, and
// still no data race. Counters of different threads share no cache line (see ThreadMetrics).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace crier::runtime {

class ThreadCounter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class ThreadGauge {
 public:
  explicit ThreadGauge(std::int64_t value = 0) noexcept : value_(value) {}
  void set(std::int64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t n) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_;
};

// One counter for each of a fixed list of labels; what is not in the list counts as the last one.
template <std::size_t N>
class LabelledCounter {
 public:
  explicit constexpr LabelledCounter(const std::array<std::string_view, N>& labels) : labels_(&labels) {}
  void add(std::string_view label, std::uint64_t n = 1) noexcept {
    const auto found = std::find(labels_->begin(), labels_->end(), label);
    const auto at = found == labels_->end() ? N - 1 : static_cast<std::size_t>(found - labels_->begin());
    counters_[at].add(n);
  }
  [[nodiscard]] const std::array<std::string_view, N>& labels() const noexcept { return *labels_; }
  [[nodiscard]] std::uint64_t value(std::size_t at) const noexcept { return counters_[at].value(); }

 private:
  const std::array<std::string_view, N>* labels_;
  std::array<ThreadCounter, N> counters_;
};

// A histogram with fixed upper bounds, as Prometheus counts them (the last bucket is +Inf).
template <std::size_t N>
class ThreadHistogram {
 public:
  explicit constexpr ThreadHistogram(const std::array<double, N>& bounds) : bounds_(&bounds) {}
  // `times` observations of the same value.
  void observe(double value, std::uint64_t times = 1) noexcept {
    const auto at =
        static_cast<std::size_t>(std::lower_bound(bounds_->begin(), bounds_->end(), value) - bounds_->begin());
    buckets_[at].add(times);
    sum_.store(sum_.load(std::memory_order_relaxed) + value * static_cast<double>(times), std::memory_order_relaxed);
  }
  [[nodiscard]] const std::array<double, N>& bounds() const noexcept { return *bounds_; }
  [[nodiscard]] std::uint64_t bucket(std::size_t at) const noexcept { return buckets_[at].value(); }
  [[nodiscard]] double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  const std::array<double, N>* bounds_;
  std::array<ThreadCounter, N + 1> buckets_;
  std::atomic<double> sum_{0};
};

}  // namespace crier::runtime
