// An epoll loop over sockets, with timers, one thread. What must be on time (who publishes, and whose latency is
// measured) has a lane of its own, which is looked at between any few events of the crowd's. Newcomers, who are about
// to begin a handshake, come last: in a crowd of real machines nobody's answer waits for others to begin.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "tests/bench/load/clock.hpp"

namespace crier::storm {

enum class Lane : std::uint8_t { urgent, crowd, newcomers };

// Owns a descriptor that the loop watches. It may be destroyed by a timer's callback, never by an event's.
class Handler {
 public:
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~Handler() = default;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Closing the descriptor ends it.
  void watch(int descriptor, Handler& handler, Lane lane, std::uint32_t events);
  void rewatch(int descriptor, Handler& handler, Lane lane, std::uint32_t events);
  void unwatch(int descriptor, Lane lane);

  // Timers run between events, in the order of their times.
  void at(std::int64_t when, std::function<void()> callback);
  void after(std::int64_t ns, std::function<void()> callback) { at(now() + ns, std::move(callback)); }

  // The time of the newest event, or read anew.
  [[nodiscard]] std::int64_t now() const { return now_; }
  std::int64_t refresh_now() { return now_ = bench::now_ns(); }

  // Turns until done() is true, which is asked in each turn; false when `deadline` passed before.
  bool run(std::int64_t deadline, const std::function<bool()>& done);

 private:
  struct Timer {
    std::int64_t when;
    std::uint64_t order;  // of two for the same time the first one goes first
    std::function<void()> callback;
    bool operator<(const Timer& other) const { return when != other.when ? when > other.when : order > other.order; }
  };

  [[nodiscard]] int epoll_of(Lane lane) const;
  void run_timers();
  int take(Lane lane, int events_max);
  void wait(std::int64_t until) const;

  int urgent_;
  int crowd_;
  int newcomers_;
  int any_;  // of the three: what ends a wait
  std::int64_t now_ = bench::now_ns();
  std::uint64_t timers_ever_ = 0;
  std::priority_queue<Timer> timers_;
};

}  // namespace crier::storm
