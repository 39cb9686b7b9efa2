// Base64url without padding (RFC 4648 section 5, RFC 7515 section 2): the one form that tokens and keys have.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace crier::auth {

// nullopt for padding, white space, other characters, a digit too many, and unused bits that are not 0: the same
// bytes have one spelling, so that no second one passes for another token.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

[[nodiscard]] std::string encode_base64url(std::string_view bytes);

}  // namespace crier::auth
