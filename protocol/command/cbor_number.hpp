// Heads and numbers in CBOR, always the shortest that keeps the value (RFC 8949 section 4.2.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "protocol/command/cbor_head.hpp"

namespace crier::command {

inline constexpr std::size_t cbor_head_bytes_max = 9;

// Writes a head to `out`, which has room for the longest; returns its end.
char* put_cbor_head(char* out, CborMajor major, std::uint64_t argument);

void append_long_cbor_head(std::string& out, CborMajor major, std::uint64_t argument);
// In the header because most arguments are short, and a call would cost as much as they do.
inline void append_cbor_head(std::string& out, CborMajor major, std::uint64_t argument) {
  if (argument > cbor_argument_inside_max) return append_long_cbor_head(out, major, argument);
  out += cbor_initial_byte(major, static_cast<unsigned>(argument));
}
void append_cbor_integer(std::string& out, std::int64_t value);
// As half, single or double; infinities too.
void append_cbor_float(std::string& out, double value);

// The JSON number that stands at `p`; returns its end. append_cbor says which become integers.
const char* append_cbor_number(std::string& out, const char* p, const char* end);

}  // namespace crier::command
