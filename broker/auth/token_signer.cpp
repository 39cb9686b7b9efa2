#include "broker/auth/token_signer.hpp"

#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <array>
#include <utility>

#include "protocol/command/base64url.hpp"

namespace crier::auth {

namespace {

constexpr int coordinate_bytes = 32;  // P-256

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// OpenSSL would ask at the terminal. As a pem_password_cb it says that there is no password.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

// OpenSSL's DER as r and s at their full length (RFC 7518 section 3.4).
std::string raw_ecdsa(std::string_view der) {
  const unsigned char* at = bytes_of(der);
  const EcdsaSignaturePtr pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!pair) return {};
  std::string raw(2 * coordinate_bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  if (BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, coordinate_bytes) != coordinate_bytes ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + coordinate_bytes, coordinate_bytes) != coordinate_bytes) {
    return {};
  }
  return raw;
}

std::string hmac(JwtAlgorithm algorithm, std::string_view secret, std::string_view text) {
  const char* digest = algorithm == JwtAlgorithm::HS256   ? "SHA256"
                       : algorithm == JwtAlgorithm::HS384 ? "SHA384"
                                                          : "SHA512";
  std::string code(EVP_MAX_MD_SIZE, '\0');
  std::size_t size = 0;
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, digest, nullptr, secret.data(), secret.size(), bytes_of(text), text.size(),
                reinterpret_cast<unsigned char*>(code.data()), code.size(), &size) == nullptr) {
    return {};
  }
  code.resize(size);
  return code;
}

std::string digest_signature(EVP_PKEY* key, const char* digest, std::string_view text) {
  const DigestContextPtr context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (!context || EVP_DigestSignInit_ex(context.get(), nullptr, digest, nullptr, nullptr, key, nullptr) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(text), text.size()) != 1) {
    return {};
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes_of(text),
                     text.size()) != 1) {
    return {};
  }
  signature.resize(size);
  return signature;
}

}  // namespace

Result<TokenSigner, std::string> TokenSigner::from_secret(JwtAlgorithm algorithm, std::string secret) {
  if (const auto key = VerificationKey::from_secret(algorithm, secret); !key) return key.error();
  TokenSigner signer(algorithm);
  signer.secret_ = std::move(secret);
  return signer;
}

Result<TokenSigner, std::string> TokenSigner::from_private_key_pem(std::string_view pem) {
  const ErrorQueueMark mark;
  const BioPtr file(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  PkeyPtr key(file ? PEM_read_bio_PrivateKey(file.get(), nullptr, no_password, nullptr) : nullptr);
  if (!key) return std::string("holds no private key in PEM that can be read without a password");
  EVP_PKEY_up_ref(key.get());
  const auto judged = VerificationKey::from_public_key(PkeyPtr(key.get()), "");
  if (!judged) return judged.error();
  TokenSigner signer(judged->algorithm());
  signer.key_ = std::move(key);
  return signer;
}

std::string TokenSigner::signature_of(std::string_view text) const {
  const ErrorQueueMark mark;
  if (is_symmetric(algorithm_)) return hmac(algorithm_, secret_, text);
  if (algorithm_ == JwtAlgorithm::EdDSA) return digest_signature(key_.get(), nullptr, text);
  const std::string signature = digest_signature(key_.get(), "SHA256", text);
  return algorithm_ == JwtAlgorithm::ES256 ? raw_ecdsa(signature) : signature;
}

std::string TokenSigner::sign(std::string_view header_json, std::string_view claims_json) const {
  std::string token = command::encode_base64url(header_json) + "." + command::encode_base64url(claims_json);
  token += "." + command::encode_base64url(signature_of(token));
  return token;
}

}  // namespace crier::auth
