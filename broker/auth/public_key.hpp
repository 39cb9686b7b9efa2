// Public keys out of files: PEM (RFC 7468) and JWK (RFC 7517, 7518, 8037).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/verification_key.hpp"
#include "protocol/base/result.hpp"

namespace crier::auth {

inline constexpr std::size_t jwks_keys_max = 256;

// One PUBLIC KEY block. Errors are the rest of a sentence that begins with the file: a private key, a certificate,
// several blocks, what VerificationKey refuses.
[[nodiscard]] Result<VerificationKey, std::string> read_public_key_pem(std::string_view pem);

struct Jwks {
  std::vector<VerificationKey> keys;  // at least one
  // What is not used, and why: a sentence each, "keys[2] has the use enc and not sig".
  std::vector<std::string> remarks;
};
// Keys for signatures by one of the algorithms; others are left out, with a remark (RFC 7517 section 5). Errors are the
// rest of a sentence that begins with the file: it is no key set, holds a secret or a private key, or nothing that can
// be used.
[[nodiscard]] Result<Jwks, std::string> read_jwks(std::string_view json, const std::vector<JwtAlgorithm>& algorithms);

}  // namespace crier::auth
