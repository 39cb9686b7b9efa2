// Makes tokens, for `crier token new` and for tests: the broker itself never signs.
#pragma once

#include <string>
#include <string_view>

#include "broker/auth/verification_key.hpp"
#include "protocol/base/result.hpp"

namespace crier::auth {

class TokenSigner {
 public:
  // Errors are the rest of a sentence that begins with the secret, or with the file.
  [[nodiscard]] static Result<TokenSigner, std::string> from_secret(JwtAlgorithm algorithm, std::string secret);
  // The key's type decides the algorithm, by VerificationKey's rules.
  [[nodiscard]] static Result<TokenSigner, std::string> from_private_key_pem(std::string_view pem);

  [[nodiscard]] JwtAlgorithm algorithm() const noexcept { return algorithm_; }
  // The compact form of a header and claims, which are JSON texts.
  [[nodiscard]] std::string sign(std::string_view header_json, std::string_view claims_json) const;
  // As RFC 7518 has it; "" when OpenSSL refuses.
  [[nodiscard]] std::string signature_of(std::string_view text) const;

 private:
  explicit TokenSigner(JwtAlgorithm algorithm) : algorithm_(algorithm) {}

  JwtAlgorithm algorithm_;
  std::string secret_;
  PkeyPtr key_;
};

}  // namespace crier::auth
