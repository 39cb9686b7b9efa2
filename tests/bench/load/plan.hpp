// The scenarios: what each name on the command line means.
#pragma once

#include <cstdint>

#include "tests/bench/load/options.hpp"

namespace crier::bench {

constexpr int publishers_max = 0xFFF;    // three hexadecimal digits of a marker
constexpr int channels_max = 0xFF'FFFF;  // six of them

// What publishers do.
enum class Mode : std::uint8_t {
  quiet,   // nothing
  closed,  // keep a window of messages in flight
  open,    // a message whenever one is due, whatever became of those before
  flood    // as fast as the kernel takes them
};

struct Plan {
  Mode mode = Mode::quiet;
  int channels = 1;
  int per_channel = 1;
  int publishers = 1;
  int window = 8;
  int size = 128;
  double rate = 0;  // messages per second of all publishers
  double duration = 5;
  double slow_pct = 0;

  [[nodiscard]] int subscribers() const { return channels * per_channel; }
};

// Ends the process on an unknown scenario or sizes that cannot be.
[[nodiscard]] Plan make_plan(const Options& options);

}  // namespace crier::bench
