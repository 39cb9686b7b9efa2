// What a run found, added up, and as one line of JSON. README.md explains the fields.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "tests/bench/load/measurement.hpp"
#include "tests/bench/load/run.hpp"
#include "tests/bench/load/worker.hpp"

namespace crier::bench {

struct Totals {
  Statistics statistics;
  std::uint64_t lost = 0;  // by healthy subscribers that are still connected
  std::uint64_t lost_by_disconnected = 0;
  std::uint64_t slow_missing = 0;
  std::map<std::string, int> slow_fates;  // how many slow subscribers ended how
  std::uint64_t published_ever = 0;

  // Did a subscriber get anything but every message once and in order?
  [[nodiscard]] bool bad() const;
};

// Once the workers have stopped.
[[nodiscard]] Totals totals_of(const Run& run);

[[nodiscard]] std::string report(const Run& run, const Measurement& measured, const Totals& totals);
// Of a run that could not connect.
[[nodiscard]] std::string report_error(const Run& run, const Measurement& measured, const char* error);

}  // namespace crier::bench
