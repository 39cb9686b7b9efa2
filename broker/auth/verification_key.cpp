#include "broker/auth/verification_key.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <optional>

#include "broker/auth/digest.hpp"

namespace crier::auth {

namespace {

constexpr std::size_t coordinate_bytes = 32;  // P-256
constexpr std::size_t ed25519_signature_bytes = 64;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

const char* digest_name(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::HS256:
    case JwtAlgorithm::RS256:
    case JwtAlgorithm::ES256: return "SHA256";
    case JwtAlgorithm::HS384: return "SHA384";
    case JwtAlgorithm::HS512: return "SHA512";
    case JwtAlgorithm::EdDSA: return nullptr;  // it has its own inside
  }
  __builtin_unreachable();
}

// Checked, so that it verifies nothing that it should not; otherwise what is wrong.
Result<JwtAlgorithm, std::string> judge_rsa(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (bits < rsa_bits_min) {
    return "is an RSA key of " + std::to_string(bits) + " bits: RS256 needs at least " + std::to_string(rsa_bits_min);
  }
  if (bits > rsa_bits_max) {
    return "is an RSA key of " + std::to_string(bits) + " bits: at most " + std::to_string(rsa_bits_max) +
           " can be used";
  }
  return JwtAlgorithm::RS256;
}

// RFC 7518 section 3.4: ES256 is for P-256 alone. A curve that is spelled out instead of named may be any.
Result<JwtAlgorithm, std::string> judge_ec(EVP_PKEY* key) {
  std::array<char, 64> group{};
  int explicit_parameters = 0;
  (void)EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_parameters);
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), nullptr) != 1 ||
      explicit_parameters != 0) {
    return std::string("is an EC key on a curve without a name: ES256 needs P-256 (prime256v1)");
  }
  if (const std::string_view name = group.data(); name != "prime256v1" && name != "P-256") {
    return "is an EC key on the curve " + std::string(name) + ": ES256 needs P-256 (prime256v1)";
  }
  return JwtAlgorithm::ES256;
}

Result<JwtAlgorithm, std::string> judge(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return JwtAlgorithm::EdDSA;
  if (EVP_PKEY_is_a(key, "RSA") == 1) return judge_rsa(key);
  if (EVP_PKEY_is_a(key, "EC") == 1) return judge_ec(key);
  const char* type = EVP_PKEY_get0_type_name(key);
  return "is a key of type " + std::string(type == nullptr ? "unknown" : type) +
         ": RSA (RS256), EC on P-256 (ES256) and Ed25519 (EdDSA) can be used";
}

// r and s as DER, which is what OpenSSL verifies. A zero is no part of a signature, and an implementation that does not
// look accepts it for every message.
std::optional<std::string> ecdsa_der(std::string_view signature) {
  if (signature.size() != 2 * coordinate_bytes) return std::nullopt;
  BigNumberPtr r(BN_bin2bn(bytes_of(signature), coordinate_bytes, nullptr));
  BigNumberPtr s(BN_bin2bn(bytes_of(signature) + coordinate_bytes, coordinate_bytes, nullptr));
  if (!r || !s || BN_is_zero(r.get()) || BN_is_zero(s.get())) return std::nullopt;
  const EcdsaSignaturePtr pair(ECDSA_SIG_new());
  if (!pair) return std::nullopt;
  const int taken = ECDSA_SIG_set0(pair.get(), r.release(), s.release());
  CRIER_ASSERT(taken == 1);
  const int size = i2d_ECDSA_SIG(pair.get(), nullptr);
  if (size <= 0) return std::nullopt;
  std::string der(static_cast<std::size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  if (i2d_ECDSA_SIG(pair.get(), &out) != size) return std::nullopt;
  return der;
}

}  // namespace

Result<VerificationKey, std::string> VerificationKey::from_secret(JwtAlgorithm algorithm, std::string_view secret) {
  CRIER_ASSERT(is_symmetric(algorithm));
  if (secret.size() < secret_bytes_min(algorithm)) {
    return "has " + std::to_string(secret.size()) + " bytes: " + std::string(algorithm_name(algorithm)) +
           " needs at least " + std::to_string(secret_bytes_min(algorithm)) + ", or it could be guessed";
  }
  const ErrorQueueMark mark;
  const MacPtr mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  VerificationKey key(algorithm, "");
  key.mac_.reset(EVP_MAC_CTX_new(mac.get()));
  std::string digest = digest_name(algorithm);
  const std::array parameters = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), digest.size()),
                                 OSSL_PARAM_construct_end()};
  if (!key.mac_ || EVP_MAC_init(key.mac_.get(), bytes_of(secret), secret.size(), parameters.data()) != 1) {
    return "cannot be used: OpenSSL has no HMAC with " + digest;
  }
  key.id_ = key_id_of(sha256_of(secret));
  return key;
}

Result<VerificationKey, std::string> VerificationKey::from_public_key(PkeyPtr pkey, std::string kid) {
  CRIER_ASSERT(pkey != nullptr);
  const ErrorQueueMark mark;
  const auto algorithm = judge(pkey.get());
  if (!algorithm) return algorithm.error();
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey.get(), nullptr));
  if (!context || EVP_PKEY_public_check(context.get()) != 1) {
    return std::string("is no valid key of its type: its numbers contradict each other");
  }
  VerificationKey key(*algorithm, std::move(kid));
  unsigned char* encoded = nullptr;
  const int size = i2d_PUBKEY(pkey.get(), &encoded);
  if (size <= 0) return std::string("is no key that can be written down");
  key.id_ = key_id_of(sha256_of({reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(size)}));
  OPENSSL_free(encoded);
  key.key_ = std::move(pkey);
  return key;
}

bool VerificationKey::verifies(std::string_view text, std::string_view signature) const {
  const ErrorQueueMark mark;
  if (is_symmetric(algorithm_)) return verifies_mac(text, signature);
  if (algorithm_ != JwtAlgorithm::ES256) return verifies_digest(text, signature);
  const auto der = ecdsa_der(signature);
  return der && verifies_digest(text, *der);
}

bool VerificationKey::verifies_mac(std::string_view text, std::string_view signature) const {
  const MacContextPtr context(EVP_MAC_CTX_dup(mac_.get()));
  std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
  std::size_t size = 0;
  if (!context || EVP_MAC_update(context.get(), bytes_of(text), text.size()) != 1 ||
      EVP_MAC_final(context.get(), code.data(), &size, code.size()) != 1) {
    return false;
  }
  // The time must not tell how much of a guess was right.
  return signature.size() == size && CRYPTO_memcmp(signature.data(), code.data(), size) == 0;
}

bool VerificationKey::verifies_digest(std::string_view text, std::string_view signature) const {
  if (algorithm_ == JwtAlgorithm::EdDSA && signature.size() != ed25519_signature_bytes) return false;
  const DigestContextPtr context(EVP_MD_CTX_new());
  return context &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, digest_name(algorithm_), nullptr, nullptr, key_.get(),
                                 nullptr) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
}

}  // namespace crier::auth
