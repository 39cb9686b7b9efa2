// How fast `crier pub` goes: the rate that was asked for, what the broker can take, and for how long it is worth to
// try. Pure: time is handed in.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace crier::cli {

class Throttle {
 public:
  using Clock = std::chrono::steady_clock;

  // Messages a second; 0: no limit.
  explicit Throttle(double rate);

  void start(Clock::time_point now) { next_at_ = now; }
  // Before that nothing is to be sent.
  [[nodiscard]] Clock::time_point next_at() const { return next_at_; }
  // So many may be on their way.
  [[nodiscard]] std::size_t in_flight_max() const { return window_; }

  void sent(Clock::time_point now);
  void acknowledged();
  // The broker has had too much: halves what may be on its way, once for a pause. True: once.
  bool limited(Clock::time_point now, std::chrono::milliseconds pause);
  // Something has to wait: may it, when nothing at all has gone through for so long?
  [[nodiscard]] bool may_wait(Clock::time_point now, std::chrono::milliseconds patience);
  // Something waits since the last acknowledgement.
  [[nodiscard]] bool stuck() const { return stuck_since_.has_value(); }

 private:
  Clock::duration interval_{0};  // between two messages
  Clock::time_point next_at_{};
  Clock::time_point limited_until_{};
  std::size_t window_;  // halved at a limit, and one more with each acknowledgement
  std::optional<Clock::time_point> stuck_since_;
};

}  // namespace crier::cli
