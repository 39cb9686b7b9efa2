#include <openssl/pem.h>
#include <openssl/x509.h>

#include <optional>

#include "broker/auth/public_key.hpp"

namespace crier::auth {

namespace {

struct PemBlock {
  std::string label;
  PkeyPtr key;  // where the label is PUBLIC KEY and the content is one
};

// The next block; nullopt where there is no further one. Nothing is decrypted, so nothing asks for a password.
std::optional<PemBlock> next_block(BIO* file) {
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (PEM_read_bio(file, &label, &header, &data, &size) != 1) return std::nullopt;
  PemBlock block{label, nullptr};
  if (block.label == "PUBLIC KEY") {
    const unsigned char* at = data;
    block.key.reset(d2i_PUBKEY(nullptr, &at, size));
    if (at != data + size) block.key.reset();
  }
  OPENSSL_free(label);
  OPENSSL_free(header);
  OPENSSL_clear_free(data, static_cast<std::size_t>(size));
  return block;
}

std::string describe_wrong_label(std::string_view label) {
  if (label == "CERTIFICATE") {
    return "holds a certificate, expected a public key: `openssl x509 -in FILE -pubkey -noout` takes it out";
  }
  if (label == "RSA PUBLIC KEY") {
    return "holds a public key in PKCS #1, expected a PUBLIC KEY block: "
           "`openssl rsa -RSAPublicKey_in -in FILE -pubout` converts it";
  }
  return "holds no PUBLIC KEY block";
}

}  // namespace

Result<VerificationKey, std::string> read_public_key_pem(std::string_view pem) {
  const ErrorQueueMark mark;
  const BioPtr file(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<PemBlock> blocks;
  while (auto block = file ? next_block(file.get()) : std::nullopt) {
    if (block->label.ends_with("PRIVATE KEY")) {
      return std::string(
          "holds a private key, which only those who sign may have; the broker wants the public one: "
          "`openssl pkey -in FILE -pubout` takes it out");
    }
    blocks.push_back(std::move(*block));
  }
  if (blocks.empty()) return std::string("holds no PEM block (-----BEGIN PUBLIC KEY-----) that can be read");
  if (blocks.size() > 1) return std::string("holds several PEM blocks, expected one; several keys make a JWKS");
  if (blocks.front().label != "PUBLIC KEY") return describe_wrong_label(blocks.front().label);
  if (!blocks.front().key) return std::string("holds a PUBLIC KEY block whose content is no key that OpenSSL knows");
  return VerificationKey::from_public_key(std::move(blocks.front().key), "");
}

}  // namespace crier::auth
