#include "protocol/websocket/frame_parser.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace crier::websocket {

namespace {

constexpr unsigned fin_bit = 0x80;
constexpr unsigned rsv1_bit = 0x40;
constexpr unsigned rsv23_bits = 0x30;
constexpr unsigned opcode_bits = 0x0F;
constexpr unsigned control_bit = 0x08;
constexpr unsigned mask_bit = 0x80;
constexpr unsigned length_bits = 0x7F;
constexpr unsigned length_follows_in_2 = 126;
constexpr unsigned length_follows_in_8 = 127;
constexpr std::size_t mask_bytes = 4;

unsigned byte_at(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<unsigned char>(bytes[at]);
}

constexpr bool known_opcode(unsigned opcode) noexcept {
  return opcode <= static_cast<unsigned>(Opcode::binary) ||
         (opcode >= static_cast<unsigned>(Opcode::close) && opcode <= static_cast<unsigned>(Opcode::pong));
}

std::optional<FrameError> refuse_first_byte(unsigned first, bool deflate_negotiated) noexcept {
  const unsigned opcode = first & opcode_bits;
  const bool rsv1 = (first & rsv1_bit) != 0;
  const bool control = (opcode & control_bit) != 0;
  if ((first & rsv23_bits) != 0 || (rsv1 && !deflate_negotiated)) return FrameError::reserved_bits;
  if (!known_opcode(opcode)) return FrameError::unknown_opcode;
  // RFC 7692 6.1: only the first frame of a message says that the message is compressed.
  if (rsv1 && (control || opcode == static_cast<unsigned>(Opcode::continuation))) return FrameError::compressed_control;
  if (control && (first & fin_bit) == 0) return FrameError::control_fragmented;
  return std::nullopt;
}

// `length_min` is the smallest length that the `have` bytes of the `bytes` long field allow. A length that
// is not minimal is never also refused as too big on fewer bytes: where too big shows earlier, a high byte
// is set, and the form is minimal. So the answer does not depend on where a read was cut.
std::optional<FrameError> refuse_length(std::uint64_t length_min, std::size_t have, std::size_t bytes,
                                        std::uint64_t payload_bytes_max) noexcept {
  if ((length_min >> 63) != 0) return FrameError::length_top_bit;
  if (bytes == 2 && have == 2 && length_min < length_follows_in_2) return FrameError::length_not_minimal;
  if (bytes == 8 && have >= 6 && length_min <= 0xFFFF) return FrameError::length_not_minimal;
  if (length_min > payload_bytes_max) return FrameError::too_big;
  return std::nullopt;
}

}  // namespace

FrameHeadStep FrameHeadParser::next(std::string_view& input) const noexcept {
  const std::size_t mask_size = role_ == Role::server ? mask_bytes : 0;
  if (input.empty()) return NeedMoreBytes{2 + mask_size};
  const unsigned first = byte_at(input, 0);
  if (const auto error = refuse_first_byte(first, deflate_negotiated_)) return *error;
  if (input.size() == 1) return NeedMoreBytes{2 + mask_size};

  const unsigned second = byte_at(input, 1);
  const bool masked = (second & mask_bit) != 0;
  const bool control = (first & control_bit) != 0;
  const unsigned short_length = second & length_bits;
  if (masked != (role_ == Role::server)) return masked ? FrameError::masked : FrameError::unmasked;
  if (control && short_length > control_payload_bytes_max) return FrameError::control_too_long;

  const std::size_t length_bytes = short_length == length_follows_in_8   ? 8
                                   : short_length == length_follows_in_2 ? 2
                                                                         : 0;
  const std::size_t have = std::min(length_bytes, input.size() - 2);
  std::uint64_t length = length_bytes == 0 ? short_length : 0;
  for (std::size_t i = 0; i < length_bytes; ++i) length = (length << 8) | (i < have ? byte_at(input, 2 + i) : 0U);
  // Control payloads are bounded by their own rule, whatever the limit for messages.
  if (!control) {
    if (const auto error = refuse_length(length, have, length_bytes, payload_bytes_max_)) return *error;
  }

  const std::size_t head_bytes = 2 + length_bytes + mask_size;
  if (input.size() < head_bytes) return NeedMoreBytes{head_bytes};
  FrameHead head{.opcode = static_cast<Opcode>(first & opcode_bits),
                 .fin = (first & fin_bit) != 0,
                 .compressed = (first & rsv1_bit) != 0,
                 .masked = masked,
                 .mask = 0,
                 .payload_bytes = length};
  if (masked) std::memcpy(&head.mask, input.data() + 2 + length_bytes, mask_bytes);
  input.remove_prefix(head_bytes);
  return head;
}

}  // namespace crier::websocket
