// Base64url without padding (RFC 4648 section 5, RFC 7515 section 2): the form that tokens, keys and the ids of events
// have.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace crier::command {

// Of so many bytes' text.
[[nodiscard]] constexpr std::size_t base64url_bytes(std::size_t bytes) noexcept {
  return (bytes * 8 + 5) / 6;
}

void append_base64url(std::string& out, std::string_view bytes);
[[nodiscard]] std::string encode_base64url(std::string_view bytes);

// nullopt for padding, white space, other characters, a digit too many, and unused bits that are not 0: the same
// bytes have one spelling, so that no second one passes for another token.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace crier::command
