// RFC 6455 section 5.2: the base framing, as values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/websocket/close_code.hpp"

namespace crier::websocket {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

// Which end we are: a server takes masked frames and sends unmasked ones, a client the reverse (5.1).
enum class Role : std::uint8_t { server, client };

struct FrameHead {
  Opcode opcode = Opcode::text;
  bool fin = true;
  bool compressed = false;  // RSV1 of permessage-deflate (RFC 7692 6)
  bool masked = false;
  std::uint32_t mask = 0;  // the four bytes as memcpy'd from the wire; 0 when not masked
  std::uint64_t payload_bytes = 0;

  friend bool operator==(const FrameHead&, const FrameHead&) = default;
};

inline constexpr std::size_t frame_head_bytes_max = 14;
inline constexpr std::size_t control_payload_bytes_max = 125;  // RFC 6455 5.5
inline constexpr std::size_t close_reason_bytes_max = control_payload_bytes_max - 2;

enum class FrameError : std::uint8_t {
  reserved_bits,       // RSV2, RSV3, or RSV1 without permessage-deflate
  compressed_control,  // RSV1 on a control frame or on a continuation
  unknown_opcode,
  unmasked,                 // a client's frame without a mask
  masked,                   // a server's frame with one
  length_not_minimal,       // 5.2: the minimal number of bytes MUST be used
  length_top_bit,           // 5.2: the most significant bit of a 64-bit length MUST be 0
  control_fragmented,       // 5.5
  control_too_long,         // 5.5
  unexpected_continuation,  // 5.4
  expected_continuation,    // 5.4: a new message inside a fragmented one
  bad_utf8,                 // 8.1, in a text message
  bad_close_payload,        // a close payload of one byte
  bad_close_code,           // 7.4
  bad_close_reason,         // 5.5.1: the reason is not UTF-8
  too_big,                  // over the configured limit
  bad_deflate,              // the compressed message does not inflate
};

struct FrameFault {
  CloseCode code;
  std::string_view reason;
};

// What the peer is told. No default: -Wswitch names the forgotten case.
[[nodiscard]] constexpr FrameFault describe(FrameError error) {
  switch (error) {
    case FrameError::reserved_bits: return {CloseCode::protocol_error, "reserved bit set without an extension"};
    case FrameError::compressed_control: return {CloseCode::protocol_error, "RSV1 on a control or continuation frame"};
    case FrameError::unknown_opcode: return {CloseCode::protocol_error, "unknown opcode"};
    case FrameError::unmasked: return {CloseCode::protocol_error, "client frame without mask"};
    case FrameError::masked: return {CloseCode::protocol_error, "server frame with mask"};
    case FrameError::length_not_minimal: return {CloseCode::protocol_error, "payload length not in minimal form"};
    case FrameError::length_top_bit: return {CloseCode::protocol_error, "payload length with top bit set"};
    case FrameError::control_fragmented: return {CloseCode::protocol_error, "fragmented control frame"};
    case FrameError::control_too_long: return {CloseCode::protocol_error, "control frame over 125 bytes"};
    case FrameError::unexpected_continuation: return {CloseCode::protocol_error, "continuation without a message"};
    case FrameError::expected_continuation: return {CloseCode::protocol_error, "new message inside a fragmented one"};
    case FrameError::bad_utf8: return {CloseCode::invalid_payload, "text is not UTF-8"};
    case FrameError::bad_close_payload: return {CloseCode::protocol_error, "close payload of one byte"};
    case FrameError::bad_close_code: return {CloseCode::protocol_error, "invalid close code"};
    case FrameError::bad_close_reason: return {CloseCode::invalid_payload, "close reason is not UTF-8"};
    case FrameError::too_big: return {CloseCode::too_big, "message over limits.incoming_bytes_max"};
    case FrameError::bad_deflate: return {CloseCode::invalid_payload, "compressed message does not inflate"};
  }
  __builtin_unreachable();
}

}  // namespace crier::websocket
