// Frames to bytes, in both roles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/websocket/frame.hpp"

namespace crier::websocket {

// How many bytes the head of an unmasked frame takes: 2, 4 or 10.
[[nodiscard]] constexpr std::size_t server_head_bytes(std::uint64_t payload_bytes) {
  return payload_bytes < 126 ? 2 : payload_bytes <= 0xFFFF ? 4 : 10;
}

// Writes a head (masked when `head.masked`) to `out`, which must hold frame_head_bytes_max bytes.
// Returns its size.
std::size_t write_frame_head(char* out, const FrameHead& head) noexcept;

// Appends a whole unmasked frame: what a server sends.
void append_server_frame(std::string& out, Opcode opcode, std::string_view payload, bool compressed = false);

// Appends a whole masked frame: what a client sends. The mask must be unpredictable (10.3); the caller
// draws it.
void append_client_frame(std::string& out, Opcode opcode, std::string_view payload, std::uint32_t mask,
                         bool compressed = false);

// The payload of a close frame: code and reason. A reason over 123 bytes is cut at a character's end.
// no_status gives an empty payload.
[[nodiscard]] std::string close_payload(CloseCode code, std::string_view reason);

}  // namespace crier::websocket
