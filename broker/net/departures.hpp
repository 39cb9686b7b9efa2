// Which connections have to leave when, while the broker drains. Pure: time is handed in. Thread: its loop's.
#pragma once

#include <map>
#include <vector>

#include "broker/runtime/timer_wheel.hpp"

namespace crier::net {

class Connection;

// A connection stands here once at most; who adds it keeps its tick, and takes it out with it before it dies.
class Departures {
 public:
  void add(Connection& connection, runtime::Tick at) { by_tick_[at].push_back(&connection); }
  void remove(const Connection& connection, runtime::Tick at);
  // Those whose time has come, earliest first; they stand here no longer.
  [[nodiscard]] std::vector<Connection*> take_due(runtime::Tick now);

 private:
  std::map<runtime::Tick, std::vector<Connection*>> by_tick_;
};

}  // namespace crier::net
