#include "broker/admin/readiness.hpp"

namespace crier::admin {

namespace {
// Probes go out every second; two lost ones and a busy moment are not yet an outage.
constexpr std::int64_t probe_age_ms_max = 5000;
}  // namespace

std::string Readiness::not_ready_because(std::int64_t steady_ms) const {
  if (draining_) return "draining";
  if (std::string stuck = stuck_because(steady_ms); !stuck.empty()) return stuck;
  for (std::size_t at = 0; at < threads_.size(); ++at) {
    if (threads_[at]->engine_ready.value() == 0) {
      return "the engine of thread " + std::to_string(at) + " takes no messages";
    }
  }
  return "";
}

std::string Readiness::stuck_because(std::int64_t steady_ms) const {
  for (std::size_t at = 0; at < threads_.size(); ++at) {
    const std::int64_t returned_ms = threads_[at]->probe_returned_ms.load(std::memory_order_relaxed);
    if (returned_ms == 0) return "starting: no message has come back on thread " + std::to_string(at) + " yet";
    if (steady_ms - returned_ms > probe_age_ms_max) {
      return "no message came back on thread " + std::to_string(at) + " for " +
             std::to_string(steady_ms - returned_ms) + " ms";
    }
  }
  return "";
}

}  // namespace crier::admin
