#include "broker/net/departures.hpp"

namespace crier::net {

void Departures::remove(const Connection& connection, runtime::Tick at) {
  const auto found = by_tick_.find(at);
  if (found == by_tick_.end()) return;
  std::erase(found->second, &connection);
  if (found->second.empty()) by_tick_.erase(found);
}

std::vector<Connection*> Departures::take_due(runtime::Tick now) {
  std::vector<Connection*> due;
  while (!by_tick_.empty() && by_tick_.begin()->first <= now) {
    const std::vector<Connection*>& slot = by_tick_.begin()->second;
    due.insert(due.end(), slot.begin(), slot.end());
    by_tick_.erase(by_tick_.begin());
  }
  return due;
}

}  // namespace crier::net
