#include "broker/auth/authenticator.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/auth/algorithm.hpp"
#include "broker/auth/file.hpp"
#include "broker/auth/public_key.hpp"
#include "broker/auth/service_keys.hpp"
#include "broker/auth/token_verifier.hpp"

namespace crier::auth {

namespace {

AuthFault refuse(std::string_view reason, std::string detail) {
  return {ErrorCode::unauthorized, reason, std::move(detail)};
}

// What the configuration names, read into keys. Faults and remarks are sentences that begin with their key.
class KeyReader {
 public:
  explicit KeyReader(const config::Jwt& settings) : settings_(settings) {
    read_secret();
    read_public_key();
    read_key_set();
  }

  std::vector<VerificationKey> keys;
  std::vector<std::string> faults;
  std::vector<std::string> remarks;

 private:
  void fail(std::string_view key, const std::string& what) { faults.push_back(std::string(key) + ": " + what); }

  void read_secret() {
    if (settings_.secret.empty()) return;
    bool used = false;
    for (const JwtAlgorithm algorithm : settings_.algorithms) {
      if (!is_symmetric(algorithm)) continue;
      used = true;
      auto key = VerificationKey::from_secret(algorithm, settings_.secret);
      if (key) {
        keys.push_back(std::move(*key));
      } else {
        fail("auth.jwt.secret", key.error());
      }
    }
    if (!used) fail("auth.jwt.secret", "is for HS256, HS384 and HS512, none of which auth.jwt.algorithms lists");
  }

  void read_public_key() {
    if (settings_.public_key.empty()) return;
    const auto text = read_key_file(settings_.public_key);
    auto key = text ? read_public_key_pem(*text) : Result<VerificationKey, std::string>(text.error().what);
    if (!key) return fail("auth.jwt.public_key", settings_.public_key + " " + key.error());
    if (std::ranges::find(settings_.algorithms, key->algorithm()) == settings_.algorithms.end()) {
      return fail("auth.jwt.public_key", settings_.public_key + " holds a key for " +
                                             std::string(algorithm_name(key->algorithm())) +
                                             ", which auth.jwt.algorithms does not list");
    }
    keys.push_back(std::move(*key));
  }

  void read_key_set() {
    if (settings_.jwks.empty()) return;
    const auto text = read_key_file(settings_.jwks);
    auto set = text ? read_jwks(*text, settings_.algorithms) : Result<Jwks, std::string>(text.error().what);
    if (!set) return fail("auth.jwt.jwks", settings_.jwks + " " + set.error());
    for (const std::string& remark : set->remarks) {
      remarks.push_back("auth.jwt.jwks: " + settings_.jwks + ": " + remark);
    }
    std::ranges::move(set->keys, std::back_inserter(keys));
    remark_untried_keys();
  }

  // An operator who rotates keys wants to know that some are of use to tokens with a `kid` alone.
  void remark_untried_keys() {
    for (const JwtAlgorithm algorithm : settings_.algorithms) {
      const auto count = std::ranges::count(keys, algorithm, &VerificationKey::algorithm);
      if (count <= static_cast<std::ptrdiff_t>(key_tries_max)) continue;
      remarks.push_back("auth.jwt.jwks: " + settings_.jwks + ": there are " + std::to_string(count) + " keys for " +
                        std::string(algorithm_name(algorithm)) +
                        "; a token without a kid that is known here is tried " + "with the first " +
                        std::to_string(key_tries_max) + " alone");
    }
  }

  const config::Jwt& settings_;
};

class Keyring final : public Authenticator {
 public:
  Keyring(TokenVerifier tokens, bool knows_tokens, ServiceKeys services, std::vector<std::string> remarks)
      : tokens_(std::move(tokens)),
        knows_tokens_(knows_tokens),
        services_(std::move(services)),
        remarks_(std::move(remarks)) {}

  Result<PrincipalPtr, AuthFault> authenticate(std::string_view credential, CredentialPlace place,
                                               std::int64_t wall_s) const override {
    if (credential.size() > token_bytes_max) {
      return refuse("too_long", "the credential has more than " + std::to_string(token_bytes_max) + " bytes");
    }
    return looks_like_token(credential) ? verify_token(credential, wall_s) : find_service(credential, place);
  }

  bool vouches_for(std::uint64_t key_id) const override { return tokens_.has_key(key_id); }
  PrincipalPtr service(std::string_view name) const override { return services_.named(name); }
  std::span<const std::string> remarks() const override { return remarks_; }

 private:
  Result<PrincipalPtr, AuthFault> verify_token(std::string_view token, std::int64_t wall_s) const {
    if (!knows_tokens_) {
      return refuse("other",
                    "this broker takes no tokens: its configuration has no auth.jwt.secret, public_key or jwks");
    }
    auto who = tokens_.verify(token, wall_s);
    if (!who) return std::move(who.error());
    return PrincipalPtr(std::make_shared<const Principal>(std::move(*who)));
  }

  Result<PrincipalPtr, AuthFault> find_service(std::string_view key, CredentialPlace place) const {
    if (place == CredentialPlace::url) {
      return refuse("malformed",
                    "a URL may carry a token only, three parts between dots: service keys belong into the header "
                    "Authorization: Bearer, because URLs end up in logs");
    }
    if (services_.empty()) {
      return refuse("other", knows_tokens_
                                 ? "the token is not three parts between dots, and this broker has no service keys"
                                 : "this broker takes neither tokens nor keys: its configuration has no "
                                   "auth.jwt and no auth.service_key");
    }
    if (PrincipalPtr service = services_.find(key)) return service;
    return refuse("unknown_key", "the key is none of this broker's service keys");
  }

  TokenVerifier tokens_;
  bool knows_tokens_;
  ServiceKeys services_;
  std::vector<std::string> remarks_;
};

}  // namespace

Result<std::shared_ptr<const Authenticator>, std::vector<std::string>> Authenticator::make(
    const config::Auth& settings) {
  KeyReader read(settings.jwt);
  ServiceKeys services(settings.service_keys, read.faults);
  if (!read.faults.empty()) return std::move(read.faults);
  const config::Jwt& jwt = settings.jwt;
  ClaimRules rules{jwt.issuer, jwt.audience, jwt.expiry_required, settings.leeway};
  return std::shared_ptr<const Authenticator>(
      std::make_shared<const Keyring>(TokenVerifier(jwt.algorithms, std::move(read.keys), std::move(rules)),
                                      jwt.configured(), std::move(services), std::move(read.remarks)));
}

}  // namespace crier::auth
