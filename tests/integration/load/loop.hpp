// An epoll loop over connections, one thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "tests/integration/load/connection.hpp"

namespace crier::load {

using Clock = std::chrono::steady_clock;

[[nodiscard]] inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The connection lives as long as the loop.
  Connection& add(std::unique_ptr<Connection> connection);
  void clear() { connections_.clear(); }

  // Turns until done() is true, which is asked after each turn; false when `deadline` passed before.
  bool run(Clock::time_point deadline, const std::function<bool()>& done);
  // Sends what has been queued on `connection` and arms it for the rest.
  void flush(Connection& connection);

  [[nodiscard]] const std::vector<std::unique_ptr<Connection>>& connections() const { return connections_; }
  [[nodiscard]] std::size_t closed() const;

 private:
  void arm(Connection& connection);

  int epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace crier::load
