#include "tests/bench/storm/loop.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "tests/bench/load/text.hpp"

namespace crier::storm {

namespace {

// A step of a TLS handshake takes half a millisecond: so many of them may pass before the urgent lane's turn.
constexpr int crowd_events_max = 8;
constexpr int urgent_events_max = 64;
constexpr std::int64_t wait_max_ns = 10 * bench::millisecond_ns;  // done() may depend on the clock or a signal

int make_epoll() {
  const int made = ::epoll_create1(EPOLL_CLOEXEC);
  if (made < 0) bench::die("epoll_create1: %s", std::strerror(errno));
  return made;
}

void control_or_die(int epoll, int operation, int descriptor, Handler* handler, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = handler;
  if (::epoll_ctl(epoll, operation, descriptor, &event) != 0) bench::die("epoll_ctl: %s", std::strerror(errno));
}

}  // namespace

Loop::Loop() : urgent_(make_epoll()), crowd_(make_epoll()), newcomers_(make_epoll()), any_(make_epoll()) {
  for (const int lane : {urgent_, crowd_, newcomers_}) control_or_die(any_, EPOLL_CTL_ADD, lane, nullptr, EPOLLIN);
}

Loop::~Loop() {
  for (const int epoll : {urgent_, crowd_, newcomers_, any_}) ::close(epoll);
}

int Loop::epoll_of(Lane lane) const {
  switch (lane) {
    case Lane::urgent: return urgent_;
    case Lane::crowd: return crowd_;
    case Lane::newcomers: return newcomers_;
  }
  return -1;
}

void Loop::watch(int descriptor, Handler& handler, Lane lane, std::uint32_t events) {
  control_or_die(epoll_of(lane), EPOLL_CTL_ADD, descriptor, &handler, events);
}

void Loop::rewatch(int descriptor, Handler& handler, Lane lane, std::uint32_t events) {
  control_or_die(epoll_of(lane), EPOLL_CTL_MOD, descriptor, &handler, events);
}

void Loop::unwatch(int descriptor, Lane lane) {
  control_or_die(epoll_of(lane), EPOLL_CTL_DEL, descriptor, nullptr, 0);
}

void Loop::at(std::int64_t when, std::function<void()> callback) {
  timers_.push({when, timers_ever_++, std::move(callback)});
}

void Loop::run_timers() {
  refresh_now();
  const std::int64_t until = now_;
  // One that is set by another for right now waits for the next turn.
  const std::uint64_t newest = timers_ever_;
  while (!timers_.empty() && timers_.top().when <= until && timers_.top().order < newest) {
    const auto callback = timers_.top().callback;
    timers_.pop();
    callback();
  }
}

// How many there were.
int Loop::take(Lane lane, int events_max) {
  std::array<epoll_event, urgent_events_max> events{};
  const int ready = ::epoll_wait(epoll_of(lane), events.data(), events_max, 0);
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    static_cast<Handler*>(event.data.ptr)->on_events(event.events);
  }
  return ready;
}

void Loop::wait(std::int64_t until) const {
  const std::int64_t ns = std::clamp<std::int64_t>(until - bench::now_ns(), 0, wait_max_ns);
  const timespec timeout{0, ns};
  epoll_event event{};
  ::epoll_pwait2(any_, &event, 1, &timeout, nullptr);
}

bool Loop::run(std::int64_t deadline, const std::function<bool()>& done) {
  while (!done()) {
    if (refresh_now() >= deadline) return false;
    run_timers();
    int taken = take(Lane::urgent, urgent_events_max);
    const int of_crowd = take(Lane::crowd, crowd_events_max);
    taken += of_crowd;
    if (of_crowd < crowd_events_max) taken += take(Lane::newcomers, crowd_events_max);
    if (taken == 0) wait(timers_.empty() ? deadline : std::min(deadline, timers_.top().when));
  }
  return true;
}

}  // namespace crier::storm
