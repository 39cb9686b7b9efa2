// How often something happened of late, in twelve bytes. No clock: whoever asks says what time it is.
#pragma once

#include <algorithm>
#include <cstdint>

namespace crier::runtime {

// Counts by periods of four seconds, and knows the one that runs and the one before it.
class RecentCount {
 public:
  void add(std::int64_t now_ms) noexcept {
    move_to(period_of(now_ms));
    ++count_;
  }
  // Of the last four to eight seconds.
  [[nodiscard]] double per_second(std::int64_t now_ms) const noexcept {
    RecentCount moved = *this;
    moved.move_to(period_of(now_ms));
    const auto into_period_ms = static_cast<double>(now_ms & (period_ms - 1));
    return (static_cast<double>(moved.before_) + static_cast<double>(moved.count_)) * 1000 /
           (static_cast<double>(period_ms) + into_period_ms);
  }

 private:
  static constexpr std::int64_t period_ms = 4096;

  [[nodiscard]] static std::uint32_t period_of(std::int64_t now_ms) noexcept {
    return static_cast<std::uint32_t>(now_ms / period_ms);
  }
  void move_to(std::uint32_t period) noexcept {
    if (period == period_) return;
    before_ = period == period_ + 1 ? count_ : 0;
    count_ = 0;
    period_ = period;
  }

  std::uint32_t period_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t before_ = 0;
};

}  // namespace crier::runtime
