// Frame heads, parsed: bytes in, one typed step out. No socket, no callback, no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "protocol/websocket/frame.hpp"

namespace crier::websocket {

struct NeedMoreBytes {
  std::size_t bytes_min = 0;  // the head needs at least so many bytes in all

  friend bool operator==(const NeedMoreBytes&, const NeedMoreBytes&) = default;
};
using FrameHeadStep = std::variant<NeedMoreBytes, FrameHead, FrameError>;

// Stateless but for its settings. A head is refused as soon as the bytes that condemn it are there.
class FrameHeadParser {
 public:
  FrameHeadParser(Role role, bool deflate_negotiated, std::uint64_t payload_bytes_max) noexcept
      : payload_bytes_max_(payload_bytes_max), role_(role), deflate_negotiated_(deflate_negotiated) {}

  // Consumes one head from the front of `input`, or nothing.
  [[nodiscard]] FrameHeadStep next(std::string_view& input) const noexcept;

 private:
  std::uint64_t payload_bytes_max_;
  Role role_;
  bool deflate_negotiated_;
};

}  // namespace crier::websocket
