// SHA-256 of bytes that come in pieces.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's, so that its headers stay out of ours

namespace crier::state {

inline constexpr std::size_t sha256_bytes = 32;

class Sha256 {
 public:
  Sha256();
  void feed(std::string_view bytes);
  // Once; nothing may be fed afterwards.
  [[nodiscard]] std::array<char, sha256_bytes> finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace crier::state
