// Whatever a file of keys holds: what is read from it are public keys of their types, which accept no signature of
// zeros, and what is said about the rest is a printable line each.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/public_key.hpp"
#include "protocol/base/check.hpp"

namespace {

using namespace crier::auth;

void check_line(const std::string& line) {
  CRIER_ASSERT(!line.empty() && line.size() < 1000);
  CRIER_ASSERT(std::ranges::none_of(line, [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; }));
}

void check_key(const VerificationKey& key) {
  CRIER_ASSERT(!is_symmetric(key.algorithm()));
  for (const std::size_t size : {std::size_t{0}, std::size_t{64}, std::size_t{256}})
    CRIER_ASSERT(!key.verifies("text", std::string(size, '\0')));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto set = read_jwks(text, {all_algorithms.begin(), all_algorithms.end()});
  if (set) {
    CRIER_ASSERT(!set->keys.empty() && set->keys.size() <= jwks_keys_max);
    for (const VerificationKey& key : set->keys) check_key(key);
    for (const std::string& remark : set->remarks) check_line(remark);
  } else {
    check_line(set.error());
  }
  const auto key = read_public_key_pem(text);
  if (key) {
    check_key(*key);
  } else {
    check_line(key.error());
  }
  CRIER_ASSERT(ERR_peek_error() == 0);
  return 0;
}
