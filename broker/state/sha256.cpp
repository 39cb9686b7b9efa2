#include "broker/state/sha256.hpp"

#include <openssl/evp.h>

#include "protocol/base/check.hpp"

namespace crier::state {

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CRIER_ASSERT(context_ != nullptr);
  CRIER_ASSERT(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::feed(std::string_view bytes) {
  CRIER_ASSERT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::array<char, sha256_bytes> Sha256::finish() {
  std::array<char, sha256_bytes> digest{};
  CRIER_ASSERT(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1);
  return digest;
}

}  // namespace crier::state
