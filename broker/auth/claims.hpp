// The claims of a token whose signature is genuine (RFC 7519 section 4), and what they make of its bearer.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/auth/authenticator.hpp"
#include "broker/auth/principal.hpp"
#include "protocol/base/result.hpp"

namespace crier::auth {

inline constexpr std::size_t claims_levels_max = 16;
inline constexpr std::size_t sub_bytes_max = 256;
inline constexpr std::size_t info_bytes_max = 1024;
inline constexpr std::size_t claim_channels_max = 128;
inline constexpr std::size_t claim_grants_max = 256;  // for each right
// The last second of the year 9999. What is beyond counts something else, milliseconds most likely.
inline constexpr double numeric_date_max = 253'402'300'799.0;

struct ClaimRules {
  std::string issuer;    // "": any
  std::string audience;  // "": any
  bool expiry_required = true;
  std::chrono::milliseconds leeway{0};
};

// `json`: the token's payload. `wall_s`: Unix time. No fault quotes it.
[[nodiscard]] Result<Principal, AuthFault> read_claims(std::string_view json, const ClaimRules& rules,
                                                       std::int64_t wall_s);

}  // namespace crier::auth
