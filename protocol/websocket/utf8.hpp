// UTF-8 (RFC 3629), validated in pieces; fails at the first byte that cannot be completed.
#pragma once

#include <cstdint>
#include <string_view>

namespace crier::websocket {

class Utf8Validator {
 public:
  // False as soon as no continuation could make the text valid (overlong forms, surrogates, above
  // U+10FFFF included). After false the validator stays false.
  [[nodiscard]] bool feed(std::string_view bytes) noexcept;
  // Is what came so far whole, that is, does no character lack bytes?
  [[nodiscard]] bool complete() const noexcept { return state_ == 0; }
  void reset() noexcept { state_ = 0; }

 private:
  std::uint8_t state_ = 0;
};

// The whole text at once. Runs of ASCII are skipped many bytes at a time.
[[nodiscard]] bool valid_utf8(std::string_view text) noexcept;

}  // namespace crier::websocket
