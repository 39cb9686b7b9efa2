// Tells who presents a credential: a token (RFC 7519) or a service key. Immutable: threads share one, and a reload
// makes another.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/principal.hpp"
#include "broker/config/config.hpp"
#include "protocol/base/result.hpp"

namespace crier::auth {

// Where a credential was found: keys are never taken from URLs, which end up in logs.
enum class CredentialPlace : std::uint8_t { header, url, command };

// Why a credential was refused. The sentence names no part of it.
struct AuthFault {
  ErrorCode code = ErrorCode::unauthorized;  // or token_expired
  std::string_view reason;                   // for metrics and logs, one of runtime::credential_fault_labels
  std::string detail;                        // a sentence for the client's developer
};

class Authenticator {
 public:
  using PrincipalPtr = std::shared_ptr<const Principal>;

  // Reads the files that the configuration names. Every fault is told, each a sentence that begins with its key.
  [[nodiscard]] static Result<std::shared_ptr<const Authenticator>, std::vector<std::string>> make(
      const config::Auth& settings);
  virtual ~Authenticator() = default;

  // `wall_s`: Unix time.
  [[nodiscard]] virtual Result<PrincipalPtr, AuthFault> authenticate(std::string_view credential, CredentialPlace place,
                                                                     std::int64_t wall_s) const = 0;
  // Is the key that verified a token, by Principal::key_id, one of those in use?
  [[nodiscard]] virtual bool vouches_for(std::uint64_t key_id) const = 0;
  // A service as it is configured now; null when there is none of that name any more.
  [[nodiscard]] virtual PrincipalPtr service(std::string_view name) const = 0;
  // What make() left out and an operator should know: keys of a JWKS that cannot be used. A sentence each, for the log.
  [[nodiscard]] virtual std::span<const std::string> remarks() const { return {}; }
};

}  // namespace crier::auth
