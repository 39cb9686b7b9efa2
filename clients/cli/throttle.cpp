#include "clients/cli/throttle.hpp"

#include <algorithm>

namespace crier::cli {

namespace {

using std::chrono::milliseconds;

// Enough for a long link, few enough to say which failed.
constexpr std::size_t window_max = 1'000;
constexpr milliseconds late_max{50};

}  // namespace

Throttle::Throttle(double rate) : window_(window_max) {
  if (rate > 0) interval_ = std::chrono::round<Clock::duration>(std::chrono::duration<double>(1 / rate));
}

// What was late is made up for, but not by a burst.
void Throttle::sent(Clock::time_point now) {
  next_at_ = std::max(next_at_ + interval_, now - late_max);
}

void Throttle::acknowledged() {
  stuck_since_.reset();
  window_ = std::min(window_ + 1, window_max);
}

bool Throttle::limited(Clock::time_point now, milliseconds pause) {
  if (now < limited_until_) return false;
  limited_until_ = next_at_ = now + pause;
  window_ = std::max<std::size_t>(1, window_ / 2);
  return true;
}

bool Throttle::may_wait(Clock::time_point now, milliseconds patience) {
  if (!stuck_since_) stuck_since_ = now;
  return now - *stuck_since_ < patience;
}

}  // namespace crier::cli
