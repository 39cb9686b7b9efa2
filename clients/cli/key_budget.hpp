// How many idempotency keys `crier pub` makes of its own accord. A broker remembers each for a while
// (idempotency_window, by default two minutes) and refuses keys of everybody when it has no room for more
// (limits.idempotency_keys_max, by default 100,000): a long file must not take all of it.
#pragma once

#include <algorithm>
#include <chrono>

namespace crier::cli {

class KeyBudget {
 public:
  using Clock = std::chrono::steady_clock;

  // So many at once, and that many a second in the long run: at most 22,000 within two minutes.
  static constexpr double at_once = 10'000;
  static constexpr double a_second = 100;

  // May there be one more?
  [[nodiscard]] bool take(Clock::time_point now) {
    if (left_ < at_once) {
      left_ = std::min(at_once, left_ + a_second * std::chrono::duration<double>(now - filled_).count());
    }
    filled_ = now;
    if (left_ < 1 || closed_) return false;
    left_ -= 1;
    return true;
  }
  // From now on there are none.
  void close() { closed_ = true; }

 private:
  double left_ = at_once;
  Clock::time_point filled_;
  bool closed_ = false;
};

}  // namespace crier::cli
