// Whatever a token holds, it is accepted only when one of our keys signed it and another JSON library reads the same
// in it, and what it makes of its bearer keeps every limit. An input that begins with '{' is a header and, on the next
// line, claims: they are signed here, because no mutation would ever find a signature. Anything else is a token.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/token_signer.hpp"
#include "broker/auth/token_verifier.hpp"
#include "protocol/base/check.hpp"
#include "protocol/command/base64url.hpp"
#include "protocol/command/json_scanner.hpp"
#include "tests/support/json_judge.hpp"

namespace {

using namespace crier::auth;

constexpr std::int64_t now_s = 1'000'000;
constexpr std::string_view secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

void add(std::vector<VerificationKey>& keys, crier::Result<VerificationKey, std::string> key) {
  CRIER_ASSERT(key);
  keys.push_back(std::move(*key));
}

const TokenVerifier& verifier() {
  static const TokenVerifier all = [] {
    std::vector<VerificationKey> keys;
    for (const auto algorithm : {JwtAlgorithm::HS256, JwtAlgorithm::HS384, JwtAlgorithm::HS512}) {
      add(keys, VerificationKey::from_secret(algorithm, secret));
    }
    add(keys, VerificationKey::from_public_key(PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")), "a"));
    add(keys, VerificationKey::from_public_key(PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), "b"));
    add(keys,
        VerificationKey::from_public_key(PkeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})), "c"));
    ClaimRules rules;
    rules.leeway = std::chrono::seconds(5);
    return TokenVerifier({all_algorithms.begin(), all_algorithms.end()}, std::move(keys), rules);
  }();
  return all;
}

const TokenSigner& signer_of(JwtAlgorithm algorithm) {
  static const auto make = [](JwtAlgorithm a) {
    auto made = TokenSigner::from_secret(a, std::string(secret));
    CRIER_ASSERT(made);
    return std::move(*made);
  };
  static const std::array<TokenSigner, 3> signers = {make(JwtAlgorithm::HS256), make(JwtAlgorithm::HS384),
                                                     make(JwtAlgorithm::HS512)};
  return signers[static_cast<std::size_t>(algorithm)];
}

void check_fault(const AuthFault& fault) {
  CRIER_ASSERT(std::ranges::find(refusal_reasons, fault.reason) != refusal_reasons.end());
  CRIER_ASSERT((fault.code == crier::ErrorCode::token_expired) == (fault.reason == "expired"));
  CRIER_ASSERT(!fault.detail.empty() && fault.detail.size() < 200);
  CRIER_ASSERT(std::ranges::all_of(fault.detail, [](char c) { return c >= ' ' && c <= '~'; }));
}

// As the other library reads it; nullopt where it does not because a number is beyond a double's range.
std::optional<nlohmann::json> judged(const std::string& text) {
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_discarded()) return json;
  crier::testing::JsonJudge judge;
  CRIER_ASSERT(!nlohmann::json::sax_parse(text, &judge) && judge.overflow);
  return std::nullopt;
}

void check_principal(const Principal& who, const nlohmann::json& claims) {
  CRIER_ASSERT(claims.is_object());
  CRIER_ASSERT(who.kind == Principal::Kind::user && !who.manage);
  CRIER_ASSERT(who.name.size() <= sub_bytes_max && who.name == claims.value("sub", ""));
  CRIER_ASSERT(who.info_json.size() <= info_bytes_max);
  CRIER_ASSERT(who.info_json.empty() != claims.contains("info"));
  CRIER_ASSERT(who.info_json.empty() || !crier::command::check_json(who.info_json));
  CRIER_ASSERT(who.expires_s && claims.at("exp").is_number() && *who.expires_s > now_s - 6);
  CRIER_ASSERT(who.channels.size() <= claim_channels_max);
  for (const std::string& channel : who.channels) CRIER_ASSERT(who.granted(Right::subscribe).cover(channel));
  CRIER_ASSERT(!claims.contains("can") || claims["can"].size() <= right_count);
}

// Accepted: then it is exactly what our signer makes of the same two parts.
void check_genuine(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.rfind('.');
  const auto header = crier::command::decode_base64url(token.substr(0, first));
  const auto claims = crier::command::decode_base64url(token.substr(first + 1, second - first - 1));
  CRIER_ASSERT(header && claims);
  const auto json = judged(*header);
  if (!json) return;
  CRIER_ASSERT(json->is_object() && !json->contains("crit"));
  const auto algorithm = algorithm_named(json->at("alg").get<std::string>());
  CRIER_ASSERT(algorithm && is_symmetric(*algorithm));  // nobody has signed with the others
  CRIER_ASSERT(signer_of(*algorithm).sign(*header, *claims) == token);
}

void judge(const std::string& token) {
  const auto who = verifier().verify(token, now_s);
  if (!who) return check_fault(who.error());
  check_genuine(token);
  const std::size_t first = token.find('.');
  const auto claims =
      crier::command::decode_base64url(std::string_view(token).substr(first + 1, token.rfind('.') - first - 1));
  if (const auto json = judged(*claims)) check_principal(*who, *json);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (!text.starts_with('{')) {
    judge(text);
    return 0;
  }
  const std::size_t line = text.find('\n');
  const std::string header = text.substr(0, line);
  const std::string claims = line == std::string::npos ? "{}" : text.substr(line + 1);
  for (const auto algorithm : {JwtAlgorithm::HS256, JwtAlgorithm::HS384, JwtAlgorithm::HS512}) {
    judge(signer_of(algorithm).sign(header, claims));
  }
  return 0;
}
