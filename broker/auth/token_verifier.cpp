#include "broker/auth/token_verifier.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "broker/auth/json_object.hpp"
#include "protocol/command/base64url.hpp"
#include "protocol/http/request.hpp"

namespace crier::auth {

using command::JsonKind;
using command::JsonValue;

struct TokenVerifier::Header {
  JwtAlgorithm algorithm = JwtAlgorithm::HS256;
  std::optional<std::string> kid;
};

namespace {

AuthFault refuse(std::string_view reason, std::string detail) {
  return {ErrorCode::unauthorized, reason, std::move(detail)};
}

// RFC 7515 section 4.1.9: case counts for nothing, and "application/" may be left out. RFC 9068 names the second.
bool is_token_type(std::string_view type) {
  const std::string lower = http::to_lower(type);
  std::string_view name = lower;
  if (name.starts_with("application/")) name.remove_prefix(std::string_view("application/").size());
  return name == "jwt" || name == "at+jwt";
}

// What must hold whatever the algorithm is.
std::optional<AuthFault> judge_header(const JsonObject& header) {
  if (header.find("crit") != nullptr) {
    return refuse("other", "the token's header has `crit`: it demands extensions that this broker does not have");
  }
  if (const JsonValue* type = header.find("typ"); type != nullptr) {
    if (type->kind != JsonKind::string || !is_token_type(text_of(*type))) {
      return refuse("malformed", "the token's header has another `typ` than JWT and at+jwt");
    }
  }
  return std::nullopt;
}

}  // namespace

bool looks_like_token(std::string_view credential) noexcept {
  return std::ranges::count(credential, '.') == 2;
}

TokenVerifier::TokenVerifier(std::vector<JwtAlgorithm> algorithms, std::vector<VerificationKey> keys, ClaimRules rules)
    : algorithms_(std::move(algorithms)), keys_(std::move(keys)), rules_(std::move(rules)) {
  for (const VerificationKey& key : keys_) {
    CRIER_ASSERT(std::ranges::find(algorithms_, key.algorithm()) != algorithms_.end());
  }
}

Result<TokenVerifier::Header, AuthFault> TokenVerifier::read_header(std::string_view part) const {
  const auto json = command::decode_base64url(part);
  if (!json) return refuse("malformed", "the token's header is not base64url without padding");
  const auto object = JsonObject::parse(*json, header_levels_max);
  if (!object) return refuse("malformed", "the token's header " + std::string(object.error().what));
  if (auto fault = judge_header(*object)) return std::move(*fault);

  const JsonValue* alg = object->find("alg");
  if (alg == nullptr || alg->kind != JsonKind::string) return refuse("malformed", "the token's header has no `alg`");
  const auto algorithm = algorithm_named(text_of(*alg));
  if (!algorithm || std::ranges::find(algorithms_, *algorithm) == algorithms_.end()) {
    return refuse("algorithm", "the token's `alg` is none of those that this broker accepts");
  }
  Header header{*algorithm, std::nullopt};
  if (const JsonValue* kid = object->find("kid"); kid != nullptr) {
    if (kid->kind != JsonKind::string) return refuse("malformed", "the token's header has a `kid` that is no string");
    header.kid = text_of(*kid);
  }
  return header;
}

Result<std::uint64_t, AuthFault> TokenVerifier::check_signature(const Header& header, std::string_view text,
                                                                std::string_view signature) const {
  const auto named = [&](const VerificationKey& key) {
    return header.kid && !key.kid().empty() && key.kid() == *header.kid;
  };
  const bool known = std::ranges::any_of(keys_, named);
  std::size_t tries = 0;
  for (const VerificationKey& key : keys_) {
    if (key.algorithm() != header.algorithm || (known && !named(key))) continue;
    // Each try costs a verification, which a stranger's token must not have for the asking.
    if (tries++ == key_tries_max) break;
    if (key.verifies(text, signature)) return key.id();
  }
  if (tries == 0) {
    return known ? refuse("algorithm", "the token's `alg` does not fit the key that its `kid` names")
                 : refuse("unknown_key", "this broker has no key for the token's `alg`");
  }
  if (header.kid && !known) {
    return refuse("unknown_key", "the token's `kid` names no key of this broker, and none that it has fits");
  }
  return refuse("signature", "the token's signature is not genuine");
}

bool TokenVerifier::has_key(std::uint64_t id) const {
  return std::ranges::find(keys_, id, &VerificationKey::id) != keys_.end();
}

Result<Principal, AuthFault> TokenVerifier::verify(std::string_view token, std::int64_t wall_s) const {
  if (token.size() > token_bytes_max) {
    return refuse("too_long", "the token has more than " + std::to_string(token_bytes_max) + " bytes");
  }
  if (!looks_like_token(token)) return refuse("malformed", "the token is not three parts between dots");
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  const auto header = read_header(token.substr(0, first));
  if (!header) return header.error();
  const auto signature = command::decode_base64url(token.substr(second + 1));
  if (!signature) return refuse("malformed", "the token's signature is not base64url without padding");
  const auto key = check_signature(*header, token.substr(0, second), *signature);
  if (!key) return key.error();

  const auto claims = command::decode_base64url(token.substr(first + 1, second - first - 1));
  if (!claims) return refuse("malformed", "the token's payload is not base64url without padding");
  auto who = read_claims(*claims, rules_, wall_s);
  if (who) who->key_id = *key;
  return who;
}

}  // namespace crier::auth
