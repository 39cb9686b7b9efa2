// What tokens, keys and certificates want of each other, and the words of namespaces of them.
#include <algorithm>
#include <array>
#include <optional>

#include "broker/config/check.hpp"
#include "broker/config/draft.hpp"

namespace crier::config {
namespace {

struct AlgorithmTraits {
  std::string_view name;
  std::size_t secret_bytes_min;  // RFC 7518 section 3.2: not shorter than the hash; 0: verified by a public key
};
constexpr std::array<AlgorithmTraits, 6> algorithm_traits{
    {{"HS256", 32}, {"HS384", 48}, {"HS512", 64}, {"RS256", 0}, {"ES256", 0}, {"EdDSA", 0}}};

const AlgorithmTraits& traits_of(JwtAlgorithm algorithm) {
  return algorithm_traits[static_cast<std::size_t>(algorithm)];
}

bool by_secret(JwtAlgorithm algorithm) {
  return traits_of(algorithm).secret_bytes_min > 0;
}

void check_secret_length(Draft& draft) {
  const Jwt& jwt = draft.config.auth.jwt;
  if (jwt.secret.empty()) return;
  const AlgorithmTraits* longest = nullptr;
  for (const JwtAlgorithm algorithm : jwt.algorithms) {
    const AlgorithmTraits& traits = traits_of(algorithm);
    if (longest == nullptr || traits.secret_bytes_min > longest->secret_bytes_min) longest = &traits;
  }
  if (longest == nullptr || jwt.secret.size() >= longest->secret_bytes_min) return;
  const std::string bytes = std::to_string(longest->secret_bytes_min);
  blame(draft, "auth.jwt.secret", "a secret of " + std::to_string(jwt.secret.size()) + " bytes", {},
        "at least " + bytes + " bytes for " + std::string(longest->name),
        "A shorter one could be guessed, and then anyone could make tokens: `openssl rand -base64 " + bytes +
            "` makes one.");
}

void check_algorithms(Draft& draft) {
  const Jwt& jwt = draft.config.auth.jwt;
  // With the default beside no key at all there are no tokens, and nothing to say.
  if (!jwt.configured() && jwt.algorithms == Jwt{}.algorithms) return;
  const bool has_public = !jwt.public_key.empty() || !jwt.jwks.empty();
  bool secret_used = false;
  bool public_used = false;
  for (std::size_t i = 0; i < jwt.algorithms.size(); ++i) {
    const bool secret = by_secret(jwt.algorithms[i]);
    (secret ? secret_used : public_used) = true;
    if (secret ? !jwt.secret.empty() : has_public) continue;
    blame(draft, item("auth.jwt.algorithms", i), "\"" + std::string(traits_of(jwt.algorithms[i]).name) + "\"",
          {"auth.jwt.secret", "auth.jwt.public_key", "auth.jwt.jwks"},
          secret ? "auth.jwt.secret beside it" : "auth.jwt.public_key or auth.jwt.jwks beside it",
          "No key could verify a token of that algorithm.");
  }
  if (!jwt.secret.empty() && !secret_used) {
    blame(draft, "auth.jwt.secret", "a secret", {}, "HS256, HS384 or HS512 among auth.jwt.algorithms",
          "Nothing would use it.");
  }
  for (const auto& [id, file] : {std::pair<std::string_view, const std::string&>("auth.jwt.public_key", jwt.public_key),
                                 std::pair<std::string_view, const std::string&>("auth.jwt.jwks", jwt.jwks)}) {
    if (file.empty() || public_used) continue;
    blame(draft, id, "a file of public keys", {}, "RS256, ES256 or EdDSA among auth.jwt.algorithms",
          "Nothing would use it.");
  }
}

void check_service_keys(Draft& draft) {
  const auto& keys = draft.config.auth.service_keys;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string id = item("auth.service_key", i);
    const auto same_as = [&](auto member, std::string_view key) {
      if (draft.faulty(id + "." + std::string(key))) return false;
      return std::any_of(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(i),
                         [&](const ServiceKey& other) { return other.*member == keys[i].*member; });
    };
    if (same_as(&ServiceKey::name, "name")) {
      blame(draft, id + ".name", "\"" + keys[i].name + "\"", {}, "each name once", "Nobody could tell the two apart.");
    }
    if (same_as(&ServiceKey::sha256, "sha256")) {
      blame(draft, id + ".sha256", "that of another service", {}, "a key of its own",
            "Nobody could tell which of the two it is.");
    }
  }
}

// The word of a setting that only somebody with a token or a key can have; none otherwise.
std::optional<std::string_view> proof_wanted(Who who) {
  if (who == Who::authenticated) return "authenticated";
  return who == Who::granted ? std::optional<std::string_view>("granted") : std::nullopt;
}
std::optional<std::string_view> proof_wanted(Access access) {
  return access == Access::granted ? std::optional<std::string_view>("granted") : std::nullopt;
}

// Words that only tokens and keys give a meaning, where there are none of both.
void check_words(Draft& draft) {
  const Config& config = draft.config;
  const Namespace& defaults = config.settings_of("default");
  for (const auto& entry : config.namespaces) {
    const std::string& name = entry.first;
    const Namespace& settings = entry.second;
    const auto check_word = [&](auto member, std::string_view key, std::string_view expected) {
      const auto word = proof_wanted(settings.*member);
      if (!word || !meant(draft, name, key)) return;
      const std::string id = id_in(name, key);
      // Inherited: said once, for `default`.
      if (name != "default" && draft.source_of(id) == nullptr && settings.*member == defaults.*member) return;
      blame(draft, id, "\"" + std::string(*word) + "\"", {}, expected,
            "Without [auth.jwt] and [[auth.service_key]] nobody could be " + std::string(*word) + ".");
    };
    check_word(&Namespace::subscribe, "subscribe", "\"anyone\" or \"nobody\" where no tokens and keys are configured");
    check_word(&Namespace::publish, "publish", "\"anyone\" or \"nobody\" where no tokens and keys are configured");
    for (const auto& [member, key] : {std::pair(&Namespace::history_access, "history_access"),
                                      std::pair(&Namespace::presence_access, "presence_access"),
                                      std::pair(&Namespace::pattern_access, "pattern_access")}) {
      check_word(member, key, "\"subscribers\" or \"nobody\" where no tokens and keys are configured");
    }
  }
}

}  // namespace

void check_tls(Draft& draft) {
  const Tls& tls = draft.config.tls;
  if (draft.any_faulty_below("tls")) return;
  if (!tls.certificate.empty() && tls.private_key.empty()) {
    blame(draft, "tls.private_key", "\"\"", {"tls.certificate"}, "the file of the private key of tls.certificate",
          "Without it the certificate is of no use.");
  }
  if (tls.certificate.empty()) {
    for (const std::string_view other : {"tls.private_key", "tls.host", "tls.client_ca"}) {
      const bool set = other == "tls.host" ? !tls.hosts.empty()
                                           : !(other == "tls.client_ca" ? tls.client_ca : tls.private_key).empty();
      if (!set) continue;
      blame(draft, "tls.certificate", "\"\"", {other},
            "the file of a certificate, as " + std::string(other) + " is set",
            "It is shown to clients that name none of [[tls.host]]; without it nothing is encrypted.");
      break;
    }
  }
  for (auto host = tls.hosts.begin(); host != tls.hosts.end(); ++host) {
    if (std::none_of(tls.hosts.begin(), host, [&](const TlsHost& other) { return other.name == host->name; })) continue;
    blame(draft, item("tls.host", static_cast<std::size_t>(host - tls.hosts.begin())) + ".name",
          "\"" + host->name + "\"", {}, "each name once", "The second would never be shown.");
  }
}

void check_auth(Draft& draft) {
  check_service_keys(draft);
  if (draft.any_faulty_below("auth")) return;  // what was meant is not known
  check_secret_length(draft);
  check_algorithms(draft);
  if (draft.config.auth.configured()) return;
  if (!draft.config.auth.anonymous) {
    blame(draft, "auth.anonymous", "false", {}, "tokens ([auth.jwt]) or service keys ([[auth.service_key]]) beside it",
          "Nobody could ever subscribe or publish.");
  }
  check_words(draft);
}

}  // namespace crier::config
