// The payload of every published message: a marker, printable padding, and a last '~'.
//
//   @@TTTTTTTTTTTTTTTT:SSSSSSSS:PPP:CCCCCC@@words and words...~
//   time in ns, sequence number of the publisher on the channel, publisher, channel; all hexadecimal
//
// Nothing in it needs escaping in JSON, and '@' occurs in the marker only: it is found in whatever wire format
// a server has. The padding is skipped unread; the '~' shows that the payload came whole.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/bench/load/text.hpp"

namespace crier::bench {

constexpr std::size_t marker_size = 40;
constexpr char payload_end = '~';

struct Marker {
  std::int64_t time = 0;
  std::uint32_t seq = 0;
  std::uint32_t publisher = 0;
  std::uint32_t channel = 0;
};

// A payload of `size` bytes, at least a marker's, whose marker is still to be written.
[[nodiscard]] std::string make_payload(std::size_t size);

// Writes marker_size bytes.
void write_marker(char* out, const Marker& marker);

namespace detail {

constexpr auto hex_values = [] {
  std::array<std::int16_t, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = static_cast<std::int16_t>(hex_value(static_cast<char>(i)));
  }
  return table;
}();

inline bool read_hex(const char* digits, int count, std::uint64_t& out) {
  std::uint64_t value = 0;
  int bad = 0;
  for (int i = 0; i < count; ++i) {
    const int digit = hex_values[static_cast<std::uint8_t>(digits[i])];
    bad |= digit;  // negative once one is
    value = value << 4 | static_cast<std::uint64_t>(digit & 15);
  }
  out = value;
  return bad >= 0;
}

}  // namespace detail

// Reads marker_size bytes; false when they are no marker. Here, because it runs once a delivery.
inline bool read_marker(const char* p, Marker& marker) {
  if (p[0] != '@' || p[1] != '@' || p[18] != ':' || p[27] != ':' || p[31] != ':' || p[38] != '@' || p[39] != '@') {
    return false;
  }
  std::uint64_t time = 0, seq = 0, publisher = 0, channel = 0;
  if (!detail::read_hex(p + 2, 16, time) || !detail::read_hex(p + 19, 8, seq) ||
      !detail::read_hex(p + 28, 3, publisher) || !detail::read_hex(p + 32, 6, channel)) {
    return false;
  }
  marker = {static_cast<std::int64_t>(time), static_cast<std::uint32_t>(seq), static_cast<std::uint32_t>(publisher),
            static_cast<std::uint32_t>(channel)};
  return true;
}

}  // namespace crier::bench
