// Helpers that feed a parser the same bytes in different pieces: a parser's answer must not depend on
// where a read was cut.
#pragma once

#include <cstddef>
#include <string_view>

namespace crier::testing {

// Calls check(first, second) for every way to cut `wire` in two, the empty halves included.
template <class Check>
void for_every_cut(std::string_view wire, Check check) {
  for (std::size_t at = 0; at <= wire.size(); ++at) check(wire.substr(0, at), wire.substr(at));
}

// Calls check(piece) for consecutive pieces of `bytes` bytes (the last may be shorter).
template <class Check>
void for_each_piece(std::string_view wire, std::size_t bytes, Check check) {
  for (std::size_t at = 0; at < wire.size(); at += bytes) check(wire.substr(at, bytes));
}

}  // namespace crier::testing
