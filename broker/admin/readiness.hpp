// Is the broker fit to be sent traffic? Thread: the administrative one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/runtime/thread_metrics.hpp"

namespace crier::admin {

class Readiness {
 public:
  explicit Readiness(std::vector<const runtime::ThreadMetrics*> threads) : threads_(std::move(threads)) {}
  void set_draining() noexcept { draining_ = true; }
  // "" when ready; otherwise why not.
  [[nodiscard]] std::string not_ready_because(std::int64_t steady_ms) const;
  // "" when every loop answers, draining or not; otherwise which does not.
  [[nodiscard]] std::string stuck_because(std::int64_t steady_ms) const;

 private:
  std::vector<const runtime::ThreadMetrics*> threads_;
  bool draining_ = false;
};

}  // namespace crier::admin
