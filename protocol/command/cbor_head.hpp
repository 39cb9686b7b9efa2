// The head of a CBOR data item (RFC 8949 section 3): its first byte holds the major type in three bits and
// the additional information in five.
#pragma once

#include <cstdint>

namespace crier::command {

enum class CborMajor : std::uint8_t {
  unsigned_integer,
  negative_integer,  // of the value -1 - argument
  byte_string,
  text_string,
  array,
  map,
  tag,
  simple,  // and floating point numbers, and the break
};

// The additional information: up to 23 the argument itself, then in how many bytes it follows.
inline constexpr unsigned cbor_argument_inside_max = 23;
inline constexpr unsigned cbor_argument_1_byte = 24;
inline constexpr unsigned cbor_argument_2_bytes = 25;
inline constexpr unsigned cbor_argument_4_bytes = 26;
inline constexpr unsigned cbor_argument_8_bytes = 27;
inline constexpr unsigned cbor_indefinite = 31;  // a length; of `simple` the break

// The additional information of `simple`.
inline constexpr unsigned cbor_false = 20;
inline constexpr unsigned cbor_true = 21;
inline constexpr unsigned cbor_null = 22;
inline constexpr unsigned cbor_undefined = 23;
inline constexpr unsigned cbor_half = 25;  // IEEE 754 binary16, binary32, binary64
inline constexpr unsigned cbor_single = 26;
inline constexpr unsigned cbor_double = 27;

inline constexpr char cbor_break = static_cast<char>(0xFF);

[[nodiscard]] constexpr char cbor_initial_byte(CborMajor major, unsigned information) {
  return static_cast<char>(static_cast<unsigned>(major) << 5 | information);
}

}  // namespace crier::command
