// The algorithms of RFC 7518 and RFC 8037 that we know, by their names in a token's header.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "broker/config/config.hpp"

namespace crier::auth {

using config::JwtAlgorithm;

inline constexpr std::array all_algorithms = {JwtAlgorithm::HS256, JwtAlgorithm::HS384, JwtAlgorithm::HS512,
                                              JwtAlgorithm::RS256, JwtAlgorithm::ES256, JwtAlgorithm::EdDSA};

[[nodiscard]] constexpr std::string_view algorithm_name(JwtAlgorithm algorithm) {
  switch (algorithm) {
    case JwtAlgorithm::HS256: return "HS256";
    case JwtAlgorithm::HS384: return "HS384";
    case JwtAlgorithm::HS512: return "HS512";
    case JwtAlgorithm::RS256: return "RS256";
    case JwtAlgorithm::ES256: return "ES256";
    case JwtAlgorithm::EdDSA: return "EdDSA";
  }
  __builtin_unreachable();
}

[[nodiscard]] constexpr std::optional<JwtAlgorithm> algorithm_named(std::string_view name) {
  for (const JwtAlgorithm algorithm : all_algorithms) {
    if (algorithm_name(algorithm) == name) return algorithm;
  }
  return std::nullopt;
}

// A secret shared by whoever signs and whoever verifies, of at least the hash's size (RFC 7518 section 3.2).
[[nodiscard]] constexpr bool is_symmetric(JwtAlgorithm algorithm) {
  return algorithm == JwtAlgorithm::HS256 || algorithm == JwtAlgorithm::HS384 || algorithm == JwtAlgorithm::HS512;
}
[[nodiscard]] constexpr std::size_t secret_bytes_min(JwtAlgorithm algorithm) {
  return algorithm == JwtAlgorithm::HS512 ? 64 : algorithm == JwtAlgorithm::HS384 ? 48 : 32;
}

}  // namespace crier::auth
