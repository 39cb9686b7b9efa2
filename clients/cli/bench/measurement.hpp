// A run from the first connection to the last message, and what came of it.
//
// Thread: the main one, which only waits, looks and tells.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "clients/cli/bench/histogram.hpp"
#include "clients/cli/bench/run.hpp"

namespace crier::cli::benchmark {

// All workers' statistics, added up.
struct Totals {
  std::uint64_t deliveries = 0;
  std::uint64_t published = 0;
  std::uint64_t reads = 0;
  std::uint64_t behind_ns = 0;
  std::uint64_t deliveries_ever = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t misordered = 0;
  std::uint64_t misrouted = 0;
  std::uint64_t corrupt = 0;
  std::uint64_t stalls = 0;
  std::uint64_t refused = 0;
  std::uint64_t refused_deliveries = 0;
  std::uint64_t gaps = 0;
  std::uint64_t lost_in_gaps = 0;
  std::uint64_t drains = 0;
  Latencies latency;
  Latencies ack_latency;

  // Did a subscriber get anything else than each message once, whole and in order?
  [[nodiscard]] bool wrong() const { return duplicates + misordered + misrouted + corrupt > 0; }
};

[[nodiscard]] Totals totals_of(const Run& run);

struct Measurement {
  bool connected = false;
  int interrupted = 0;      // the signal that ended it early; 0: none did
  std::uint32_t ready = 0;  // connections
  double connect_s = 0;
  double window_s = 0;  // shorter than asked for when the run was over before
  double client_cpu_s = 0;
  // How the wait for the last messages ended: "complete"; "quiet", when none has come for 2 s; "timeout".
  std::string_view drain = "complete";
  std::uint32_t subscribers_gone = 0;  // whose connections ended in the run
  std::uint32_t publishers_gone = 0;
  std::uint64_t lost = 0;          // deliveries that subscribers who stayed to the end never got
  std::uint64_t lost_by_gone = 0;  // by those whose connections ended, or of publishers whose did
  std::uint64_t unsent = 0;        // due in the window, and never published
  Totals totals;

  [[nodiscard]] int exit_code(const Failures& failures) const;
};

// Says how it goes on standard error, where that is a terminal. SIGINT and SIGTERM end it early.
[[nodiscard]] Measurement measure(Run& run);

}  // namespace crier::cli::benchmark
