// A run from its first connection to its last acknowledgement.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/bench/load/process_usage.hpp"
#include "tests/bench/storm/run.hpp"

namespace crier::storm {

// What the machine did in one phase.
struct Cost {
  double seconds = 0;
  double server_cpu_s = 0;
  double client_cpu_s = 0;
  double other_cpu_s = 0;
};

struct Measured {
  double connect_s = 0;  // of the first connections
  Cost before, during, after;
  std::int64_t rss_before_kb = 0;
  std::int64_t rss_peak_kb = 0;
  bool settled = false;
};

// False, with a word on standard error, when not all were subscribed in time.
[[nodiscard]] bool connect_all(Run& run, Measured& measured);

void storm(Run& run, Measured& measured);
// The broker is restarted by somebody else meanwhile. SIGTERM ends it before its time.
void restart(Run& run, Measured& measured);

// From then on SIGTERM and SIGINT end a run in order.
void catch_signals();

}  // namespace crier::storm
