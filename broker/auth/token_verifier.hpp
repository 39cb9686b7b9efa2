// Verifies JSON Web Tokens: RFC 7519 in the compact form of RFC 7515, with the care that RFC 8725 asks for.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/auth/claims.hpp"
#include "broker/auth/verification_key.hpp"

namespace crier::auth {

inline constexpr std::size_t token_bytes_max = 8 * 1024;
inline constexpr std::size_t header_levels_max = 8;
inline constexpr std::size_t key_tries_max = 8;  // for a token that does not say which key

// What a refusal's `reason` may be.
inline constexpr std::array<std::string_view, 12> refusal_reasons = {
    "malformed", "too_long",  "algorithm", "unknown_key", "signature", "expired",
    "not_yet",   "no_expiry", "issuer",    "audience",    "claims",    "other"};

// Three parts between dots: a token, whatever they hold. Anything else can only be a service key.
[[nodiscard]] bool looks_like_token(std::string_view credential) noexcept;

// Immutable: any number of threads may verify at once.
class TokenVerifier {
 public:
  // `keys` are all for one of `algorithms`. In order of preference.
  TokenVerifier(std::vector<JwtAlgorithm> algorithms, std::vector<VerificationKey> keys, ClaimRules rules);

  // The header chooses the keys, by `alg` and `kid`; keys that it brings along (jwk, jku, x5u, x5c) are ignored. The
  // claims are looked at once the signature is known to be genuine.
  [[nodiscard]] Result<Principal, AuthFault> verify(std::string_view token, std::int64_t wall_s) const;
  // By Principal::key_id.
  [[nodiscard]] bool has_key(std::uint64_t id) const;

 private:
  struct Header;
  [[nodiscard]] Result<Header, AuthFault> read_header(std::string_view part) const;
  // The key that made it, by its id.
  [[nodiscard]] Result<std::uint64_t, AuthFault> check_signature(const Header& header, std::string_view text,
                                                                 std::string_view signature) const;

  std::vector<JwtAlgorithm> algorithms_;
  std::vector<VerificationKey> keys_;
  ClaimRules rules_;
};

}  // namespace crier::auth
