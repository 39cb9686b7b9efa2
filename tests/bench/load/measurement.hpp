// Carries out one run: connect, warm up, measure, wait for what is still on its way.
#pragma once

#include <cstdint>

#include "tests/bench/load/process_usage.hpp"
#include "tests/bench/load/run.hpp"

namespace crier::bench {

struct Measurement {
  int connected = 0;
  double connect_per_s = 0;
  // What the server had used by then.
  Usage before;
  Usage after_connecting;
  Usage settled;  // subscribed, and nothing sent yet
  Usage at_start;
  Usage at_end;
  Usage drained;
  std::int64_t rss_peak_kb = 0;  // between start and end
  double client_cpu_s = 0;       // between start and end, like the next two
  double machine_busy_s = 0;
  double stolen_s = 0;
  // How the wait for the last deliveries ended: "complete"; "quiet", none came for two seconds; "timeout", they
  // were still coming.
  const char* drain = "";
  std::uint64_t check_sent = 0;  // deliveries due after an idle run, as a check that it was subscribed
  std::uint64_t check_received = 0;
};

// False when not all connections could be made; the workers have been stopped then, and nothing was measured.
// Of an idle run some are enough.
[[nodiscard]] bool connect_all(Run& run, Measurement& measured);

// After connect_all(): the rest. Afterwards all of `run` may be looked at.
void measure(Run& run, Measurement& measured);

}  // namespace crier::bench
