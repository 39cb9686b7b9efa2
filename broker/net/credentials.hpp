// Who sends a request, by its head: a token or key in `Authorization: Bearer`, or a token in the URL.
// Thread: the loop's.
#pragma once

#include <optional>
#include <string>

#include "broker/auth/authenticator.hpp"
#include "broker/net/admission.hpp"
#include "broker/session/environment.hpp"
#include "protocol/base/result.hpp"
#include "protocol/http/request.hpp"

namespace crier::net {

// Where in a URL tokens stand; never to be logged, counted or repeated.
inline constexpr std::string_view token_parameter = "token";

struct Credential {
  std::string text;
  auth::CredentialPlace place = auth::CredentialPlace::header;
};
// Nothing when there is none. More than one, an empty one, and another scheme than Bearer are refused.
[[nodiscard]] Result<std::optional<Credential>, Refusal> find_credential(const http::RequestHead& head);

// Null when the request has no credential. A bad one is never taken for none.
[[nodiscard]] Result<auth::Authenticator::PrincipalPtr, Refusal> authenticate(const http::RequestHead& head,
                                                                              session::Environment& environment);

// 401, with the challenge that RFC 9110 section 11.6.1 asks for.
[[nodiscard]] Refusal unauthorized(std::string detail, ErrorCode code = ErrorCode::unauthorized);

// The same for a request that has none where auth.anonymous = false.
[[nodiscard]] Refusal credential_missing();

}  // namespace crier::net
