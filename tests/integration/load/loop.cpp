#include "tests/integration/load/loop.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

namespace crier::load {

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ >= 0) return;
  std::perror("epoll_create1");
  std::exit(2);
}

Loop::~Loop() {
  ::close(epoll_);
}

Connection& Loop::add(std::unique_ptr<Connection> connection) {
  Connection& added = *connections_.emplace_back(std::move(connection));
  if (added.descriptor() < 0) return added;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.ptr = &added;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, added.descriptor(), &event);
  added.armed_for_write = true;
  return added;
}

void Loop::arm(Connection& connection) {
  if (connection.descriptor() < 0 || connection.wants_to_write() == connection.armed_for_write) return;
  connection.armed_for_write = connection.wants_to_write();
  epoll_event event{};
  event.events = connection.armed_for_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = &connection;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.descriptor(), &event);
}

void Loop::flush(Connection& connection) {
  if (connection.descriptor() < 0 || connection.phase() == Phase::connecting) return;
  connection.on_writable();
  arm(connection);
}

bool Loop::run(Clock::time_point deadline, const std::function<bool()>& done) {
  std::array<epoll_event, 512> events{};
  while (!done()) {
    if (Clock::now() >= deadline) return false;
    // Short waits, as done() may depend on the clock or on another thread.
    const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 10);
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const std::uint32_t what = events[static_cast<std::size_t>(i)].events;
      if (connection.descriptor() >= 0 && (what & EPOLLOUT) != 0) connection.on_writable();
      if (connection.descriptor() >= 0 && (what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) connection.on_readable();
      arm(connection);
    }
  }
  return true;
}

std::size_t Loop::closed() const {
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [](const auto& c) { return c->phase() == Phase::closed; }));
}

}  // namespace crier::load
