#include "broker/auth/digest.hpp"

#include <openssl/evp.h>

#include <cstring>

#include "protocol/base/check.hpp"

namespace crier::auth {

Sha256 sha256_of(std::string_view text) {
  Sha256 digest{};
  unsigned size = 0;
  const int done = EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  CRIER_ASSERT(done == 1 && size == digest.size());
  return digest;
}

std::uint64_t key_id_of(const Sha256& digest) noexcept {
  std::uint64_t id = 0;
  std::memcpy(&id, digest.data(), sizeof(id));
  return id;
}

}  // namespace crier::auth
