// A cut may delay the parser's answer, never change it; more bytes than asked for are never needed; and a
// head that was read is written back as the very same bytes, since every head has one valid form only.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "protocol/base/check.hpp"
#include "protocol/websocket/frame_parser.hpp"
#include "protocol/websocket/frame_writer.hpp"

using namespace crier::websocket;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Role role = (data[0] & 1) != 0 ? Role::server : Role::client;
  const bool deflate = (data[0] & 2) != 0;
  // From 0 over the edges of the length forms to beyond any length.
  const std::uint64_t payload_bytes_max = (std::uint64_t{1} << (data[1] % 64)) - 1 + (data[0] >> 2);
  const FrameHeadParser parser(role, deflate, payload_bytes_max);
  const std::string_view wire(reinterpret_cast<const char*>(data) + 2, size - 2);

  std::string_view rest = wire;
  const FrameHeadStep whole = parser.next(rest);
  const std::size_t taken = wire.size() - rest.size();
  if (const auto* head = std::get_if<FrameHead>(&whole)) {
    const bool control = static_cast<unsigned>(head->opcode) >= 8;
    CRIER_ASSERT(head->payload_bytes <= (control ? control_payload_bytes_max : payload_bytes_max));
    CRIER_ASSERT(head->masked == (role == Role::server));
    char written[frame_head_bytes_max];
    const std::size_t written_bytes = write_frame_head(written, *head);
    CRIER_ASSERT(std::string_view(written, written_bytes) == wire.substr(0, taken));
  } else {
    CRIER_ASSERT(taken == 0);
  }

  for (std::size_t cut = 0; cut <= std::min(wire.size(), frame_head_bytes_max); ++cut) {
    std::string_view part = wire.substr(0, cut);
    const FrameHeadStep step = parser.next(part);
    if (const auto* more = std::get_if<NeedMoreBytes>(&step)) {
      CRIER_ASSERT(part.size() == cut && more->bytes_min > cut && more->bytes_min <= frame_head_bytes_max);
      CRIER_ASSERT(!std::holds_alternative<FrameHead>(whole) || more->bytes_min <= taken);
    } else {
      CRIER_ASSERT(step == whole);
    }
  }
  return 0;
}
