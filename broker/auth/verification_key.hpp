// A key that can tell whether a signature is genuine. It knows its one algorithm: what a token's header says can choose
// among keys, but never what is done with one of them (RFC 8725 section 3.1).
#pragma once

#include <string>
#include <string_view>

#include "broker/auth/algorithm.hpp"
#include "broker/auth/openssl_handles.hpp"
#include "protocol/base/result.hpp"

namespace crier::auth {

inline constexpr int rsa_bits_min = 2048;
inline constexpr int rsa_bits_max = 16384;  // OpenSSL verifies with no longer one

// Immutable: any number of threads may verify with it at once.
class VerificationKey {
 public:
  // For HS*. Errors are the rest of a sentence that begins with the secret, and do not quote it.
  [[nodiscard]] static Result<VerificationKey, std::string> from_secret(JwtAlgorithm algorithm,
                                                                        std::string_view secret);
  // RSA is for RS256, EC on P-256 for ES256, Ed25519 for EdDSA. Errors are the rest of a sentence that begins with the
  // key: another type or curve, an RSA key that is too short, a point that is not on its curve.
  [[nodiscard]] static Result<VerificationKey, std::string> from_public_key(PkeyPtr key, std::string kid);

  [[nodiscard]] JwtAlgorithm algorithm() const noexcept { return algorithm_; }
  // "": it has none.
  [[nodiscard]] const std::string& kid() const noexcept { return kid_; }
  // Tells it from others: of the same key it is always the same, and says nothing about it.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  // `signature` as RFC 7518 has it: ES256's is r and s, 32 bytes each.
  [[nodiscard]] bool verifies(std::string_view text, std::string_view signature) const;

 private:
  VerificationKey(JwtAlgorithm algorithm, std::string kid) : algorithm_(algorithm), kid_(std::move(kid)) {}
  [[nodiscard]] bool verifies_mac(std::string_view text, std::string_view signature) const;
  [[nodiscard]] bool verifies_digest(std::string_view text, std::string_view signature) const;

  JwtAlgorithm algorithm_;
  std::string kid_;
  std::uint64_t id_ = 0;
  MacContextPtr mac_;  // keyed, and copied for each use
  PkeyPtr key_;
};

}  // namespace crier::auth
