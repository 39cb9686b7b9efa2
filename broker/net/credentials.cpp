#include "broker/net/credentials.hpp"

#include <utility>

namespace crier::net {

namespace {

constexpr std::string_view bearer = "bearer ";

Refusal two_credentials() {
  return {400, "token", "bad_request", "send one credential: a token in the URL, or one Authorization header"};
}

}  // namespace

// RFC 6750 section 3: which error, for clients that tell an old token from a bad one.
Refusal unauthorized(std::string detail, ErrorCode code) {
  std::string challenge = "Bearer realm=\"crier\"";
  if (code == ErrorCode::token_expired) challenge += ", error=\"invalid_token\", error_description=\"expired\"";
  return {401, "token", to_string(code), std::move(detail), {{"WWW-Authenticate", std::move(challenge)}}};
}

Refusal credential_missing() {
  return unauthorized(
      "auth.anonymous = false: send a token or a service key as `Authorization: Bearer`, or a token as "
      "?token=");
}

Result<std::optional<Credential>, Refusal> find_credential(const http::RequestHead& head) {
  std::optional<Credential> found;
  for (auto& [name, value] : http::parse_query(head.query())) {
    if (name != token_parameter) continue;
    if (found) return two_credentials();
    found = Credential{std::move(value), auth::CredentialPlace::url};
  }
  const std::size_t headers = head.count("authorization");
  if (headers > 1 || (headers == 1 && found)) return two_credentials();
  if (headers == 1) {
    std::string_view value = *head.find("authorization");
    if (value.size() < bearer.size() || !http::equals_ignoring_case(value.substr(0, bearer.size()), bearer)) {
      return unauthorized("Authorization: only the scheme Bearer is known, with a token or a service key");
    }
    value.remove_prefix(bearer.size());
    while (value.starts_with(' ')) value.remove_prefix(1);
    found = Credential{std::string(value), auth::CredentialPlace::header};
  }
  if (found && found->text.empty()) return unauthorized("the credential is empty");
  return found;
}

Result<auth::Authenticator::PrincipalPtr, Refusal> authenticate(const http::RequestHead& head,
                                                                session::Environment& environment) {
  auto credential = find_credential(head);
  if (!credential) return std::move(credential.error());
  if (!*credential) return auth::Authenticator::PrincipalPtr{};
  auto principal =
      environment.authenticator->authenticate((*credential)->text, (*credential)->place, environment.wall_s);
  if (!principal) {
    environment.metrics.credentials_refused.add(principal.error().reason);
    Refusal refusal = unauthorized(std::move(principal.error().detail), principal.error().code);
    refusal.credential_fault = principal.error().reason;
    return refusal;
  }
  environment.metrics.credentials_accepted.add();
  return std::move(*principal);
}

}  // namespace crier::net
