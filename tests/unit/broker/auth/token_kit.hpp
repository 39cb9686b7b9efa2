// What tests of tokens need: keys of every kind, made once, in every form; tokens signed with them.
#pragma once

#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <array>
#include <string>
#include <string_view>

#include "broker/auth/openssl_handles.hpp"
#include "broker/auth/token_signer.hpp"
#include "protocol/command/base64url.hpp"

namespace crier::testing {

inline constexpr std::int64_t now_s = 1'000'000;
inline constexpr std::string_view plain_claims = R"({"sub":"ann","exp":1000060})";
// Long enough for HS512.
inline const std::string secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

inline std::string take_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// A key pair in every form.
class KeyPair {
 public:
  explicit KeyPair(EVP_PKEY* key) : key_(key) { CRIER_ASSERT(key != nullptr); }

  [[nodiscard]] EVP_PKEY* get() const { return key_.get(); }
  [[nodiscard]] std::string public_pem() const {
    const auth::BioPtr bio(BIO_new(BIO_s_mem()));
    CRIER_ASSERT(PEM_write_bio_PUBKEY(bio.get(), key_.get()) == 1);
    return take_text(bio.get());
  }
  [[nodiscard]] std::string private_pem() const {
    const auth::BioPtr bio(BIO_new(BIO_s_mem()));
    CRIER_ASSERT(PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return take_text(bio.get());
  }
  // The members of its public JWK, without braces; `more` is appended: ,"kid":"a"
  [[nodiscard]] std::string jwk_members(std::string_view more = "") const {
    std::string members;
    if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) {
      members = R"("kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" + number(OSSL_PKEY_PARAM_RSA_E);
    } else if (EVP_PKEY_is_a(key_.get(), "EC") == 1) {
      members = R"("kty":"EC","crv":"P-256","x":")" + number(OSSL_PKEY_PARAM_EC_PUB_X, 32) + R"(","y":")" +
                number(OSSL_PKEY_PARAM_EC_PUB_Y, 32);
    } else {
      std::string raw(32, '\0');
      std::size_t size = raw.size();
      CRIER_ASSERT(EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size) == 1);
      members = R"("kty":"OKP","crv":"Ed25519","x":")" + command::encode_base64url(raw);
    }
    return members + '"' + std::string(more);
  }
  [[nodiscard]] std::string jwk(std::string_view more = "") const { return "{" + jwk_members(more) + "}"; }
  [[nodiscard]] auth::TokenSigner signer() const {
    auto made = auth::TokenSigner::from_private_key_pem(private_pem());
    CRIER_ASSERT(made);
    return std::move(*made);
  }
  [[nodiscard]] auth::VerificationKey verification_key(std::string kid = "") const {
    EVP_PKEY_up_ref(key_.get());
    auto made = auth::VerificationKey::from_public_key(auth::PkeyPtr(key_.get()), std::move(kid));
    CRIER_ASSERT(made);
    return std::move(*made);
  }

 private:
  [[nodiscard]] std::string number(const char* parameter, int bytes = 0) const {
    BIGNUM* value = nullptr;
    CRIER_ASSERT(EVP_PKEY_get_bn_param(key_.get(), parameter, &value) == 1);
    const auth::BigNumberPtr owner(value);
    std::string raw(static_cast<std::size_t>(bytes == 0 ? BN_num_bytes(value) : bytes), '\0');
    CRIER_ASSERT(BN_bn2binpad(value, reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(raw.size())) > 0);
    return command::encode_base64url(raw);
  }

  auth::PkeyPtr key_;
};

inline KeyPair new_rsa(std::size_t bits) {
  return KeyPair(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits));
}
inline KeyPair new_ec(const char* curve) {
  return KeyPair(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));
}
inline KeyPair new_ed25519() {
  return KeyPair(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}
// Made once: an RSA key takes its time.
inline const KeyPair& rsa() {
  static const KeyPair key = new_rsa(2048);
  return key;
}
inline const KeyPair& ec() {
  static const KeyPair key = new_ec("P-256");
  return key;
}
inline const KeyPair& ed25519() {
  static const KeyPair key = new_ed25519();
  return key;
}

inline auth::TokenSigner secret_signer(auth::JwtAlgorithm algorithm = auth::JwtAlgorithm::HS256,
                                       const std::string& with = secret) {
  auto made = auth::TokenSigner::from_secret(algorithm, with);
  CRIER_ASSERT(made);
  return std::move(*made);
}

inline std::string header_for(const auth::TokenSigner& signer, std::string_view more = "") {
  return R"({"alg":")" + std::string(auth::algorithm_name(signer.algorithm())) + '"' + std::string(more) + "}";
}
inline std::string token_by(const auth::TokenSigner& signer, std::string_view claims = plain_claims) {
  return signer.sign(header_for(signer), claims);
}

}  // namespace crier::testing
