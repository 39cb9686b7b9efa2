// The load runs. Each prints one report line; the exit code is 0 when the run came to its end (what it
// found is in the report), 1 when it did not.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

#include "tests/integration/load/options.hpp"

namespace crier::load {

// Publishers on one channel, many subscribers: do all see one order, with nothing lost or twice?
int run_order(const Options& options);
// Publishers that never wait, one subscriber: does memory stay bounded, and nothing get lost?
int run_flood(const Options& options);
// Connections opened and closed in rounds: does anything leak?
int run_connections(const Options& options);

// The data of these runs is [publisher, number]: reads both from a `message`, false for any other text.
inline bool read_data(std::string_view message, std::uint32_t& publisher, std::uint32_t& number) {
  constexpr std::string_view marker = "\"data\":[";
  if (!message.starts_with("{\"op\":\"message\"")) return false;
  const std::size_t at = message.find(marker, 15);
  if (at == std::string_view::npos) return false;
  const char* const end = message.data() + message.size();
  const auto first = std::from_chars(message.data() + at + marker.size(), end, publisher);
  return first.ptr != end && std::from_chars(first.ptr + 1, end, number).ptr != end;
}

}  // namespace crier::load
