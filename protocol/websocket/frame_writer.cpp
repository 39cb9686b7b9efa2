#include "protocol/websocket/frame_writer.hpp"

#include <cstring>

#include "protocol/base/check.hpp"
#include "protocol/websocket/mask.hpp"

namespace crier::websocket {

namespace {

// The first of the length fields that holds the length: RFC 6455 5.2 wants the minimal form.
std::size_t write_length(char* out, std::uint64_t payload_bytes, unsigned mask_bit) noexcept {
  const auto big_endian = [&](std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) out[1 + i] = static_cast<char>(payload_bytes >> (8 * (bytes - 1 - i)));
    return 1 + bytes;
  };
  if (payload_bytes < 126) {
    out[0] = static_cast<char>(mask_bit | payload_bytes);
    return 1;
  }
  if (payload_bytes <= 0xFFFF) {
    out[0] = static_cast<char>(mask_bit | 126U);
    return big_endian(2);
  }
  out[0] = static_cast<char>(mask_bit | 127U);
  return big_endian(8);
}

constexpr bool is_control(Opcode opcode) {
  return (static_cast<unsigned>(opcode) & 0x08U) != 0;
}

}  // namespace

std::size_t write_frame_head(char* out, const FrameHead& head) noexcept {
  CRIER_ASSERT((head.payload_bytes >> 63) == 0);
  CRIER_ASSERT(!is_control(head.opcode) ||
               (head.fin && !head.compressed && head.payload_bytes <= control_payload_bytes_max));
  out[0] =
      static_cast<char>((head.fin ? 0x80U : 0U) | (head.compressed ? 0x40U : 0U) | static_cast<unsigned>(head.opcode));
  std::size_t size = 1 + write_length(out + 1, head.payload_bytes, head.masked ? 0x80U : 0U);
  if (head.masked) {
    std::memcpy(out + size, &head.mask, sizeof head.mask);
    size += sizeof head.mask;
  }
  return size;
}

void append_server_frame(std::string& out, Opcode opcode, std::string_view payload, bool compressed) {
  char head[frame_head_bytes_max];
  const std::size_t head_bytes =
      write_frame_head(head, {.opcode = opcode, .compressed = compressed, .payload_bytes = payload.size()});
  out.append(head, head_bytes);
  out.append(payload);
}

void append_client_frame(std::string& out, Opcode opcode, std::string_view payload, std::uint32_t mask,
                         bool compressed) {
  char head[frame_head_bytes_max];
  const std::size_t head_bytes = write_frame_head(
      head,
      {.opcode = opcode, .compressed = compressed, .masked = true, .mask = mask, .payload_bytes = payload.size()});
  out.append(head, head_bytes);
  out.append(payload);
  apply_mask(std::span(out).last(payload.size()), mask);
}

std::string close_payload(CloseCode code, std::string_view reason) {
  if (code == CloseCode::no_status) return {};
  const auto number = static_cast<std::uint16_t>(code);
  CRIER_ASSERT(valid_on_the_wire(number));
  if (reason.size() > close_reason_bytes_max) {
    std::size_t end = close_reason_bytes_max;
    // A continuation byte right behind the cut means that the cut is inside a character.
    while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xC0U) == 0x80U) --end;
    reason = reason.substr(0, end);
  }
  std::string payload{static_cast<char>(number >> 8), static_cast<char>(number & 0xFFU)};
  payload += reason;
  return payload;
}

}  // namespace crier::websocket
