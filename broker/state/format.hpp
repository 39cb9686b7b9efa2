// What the state file's writer and its reader must agree on, beside the order of the fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/state/sha256.hpp"

namespace crier::state {

inline constexpr std::string_view magic = "CRIERST\x1A";  // 0x1A: nobody types the rest out
inline constexpr std::uint8_t channel_tag = 'C';
inline constexpr std::uint8_t end_tag = 'E';
// The end record: its tag, the number of channels, the file's length, the checksum of all before it.
inline constexpr std::size_t end_bytes = 1 + 8 + 8 + sha256_bytes;

}  // namespace crier::state
