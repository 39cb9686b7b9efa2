// `crier token new`: signs what a login service would sign.
#include <array>
#include <cstdint>
#include <ctime>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "broker/auth/claims.hpp"
#include "broker/auth/token_signer.hpp"
#include "broker/auth/token_verifier.hpp"
#include "broker/config/units.hpp"
#include "broker/tools/commands.hpp"
#include "broker/tools/input.hpp"
#include "broker/tools/options.hpp"
#include "protocol/command/json_escape.hpp"
#include "protocol/command/json_scanner.hpp"
#include "protocol/command/utf8_prefix.hpp"

namespace crier::tools {

namespace {

constexpr std::array token_new_options = {
    Option{"--secret-file", "FILE", "Sign with the secret in it (HS*); - reads standard input"},
    Option{"--private-key", "FILE", "Sign with the private key in it, PEM (RS256, ES256, EdDSA); - likewise"},
    Option{"--algorithm", "NAME", "HS256 (default), HS384 or HS512; a private key has its own"},
    Option{"--kid", "KEY_ID", "Names the key, for a broker with a JWKS"},
    Option{"--sub", "USER", "The user's name"},
    Option{"--expires-in", "DURATION", "30s, 15m, 24h (default: 1h)"},
    Option{"--channel", "CHANNEL", "Subscribed at connect, repeatable", true},
    Option{"--can-subscribe", "CHANNEL", "May subscribe there: a name or a pattern, repeatable", true},
    Option{"--can-publish", "CHANNEL", "May publish there, repeatable", true},
    Option{"--can-presence", "CHANNEL", "May ask who is there, repeatable", true},
    Option{"--can-history", "CHANNEL", "May read the history there, repeatable", true},
    Option{"--info", "JSON", "Shown to others in presence"},
    Option{"--issuer", "TEXT", "The claim iss"},
    Option{"--audience", "TEXT", "The claim aud"},
};

constexpr std::string_view token_new_footer =
    "Secrets and keys are read from files or standard input, never from the command line, which everybody can see.\n"
    "The end of a secret's last line does not belong to it. The token is printed alone, so that it can be piped.\n"
    "\n"
    "Examples:\n"
    "  crier token new --secret-file secret.txt --sub ann --channel news --can-publish 'chat:room.*'\n"
    "  crier token new --private-key key.pem --kid 2026-11 --sub ann --expires-in 15m --audience crier\n"
    "\n"
    "Exit codes: 0 made, 1 the secret or key cannot be used, 2 wrong options.\n";

constexpr Usage token_new_usage{"crier token new",
                                "(--secret-file FILE | --private-key FILE) --sub USER [OPTIONS]",
                                "Sign a token, for development and tests",
                                token_new_options,
                                token_new_footer,
                                0,
                                0};

// What the claims are to say, or what is wrong with an option.
class ClaimsText {
 public:
  explicit ClaimsText(const Options& options) : options_(options) {}

  [[nodiscard]] const std::string& fault() const { return fault_; }

  [[nodiscard]] std::string text(std::int64_t now_s) {
    add_text("sub", "--sub");
    add_text("iss", "--issuer");
    add_text("aud", "--audience");
    add("iat", std::to_string(now_s));
    add("exp", std::to_string(now_s + lifetime_s()));
    if (options_.has("--channel")) add("channels", list("--channel"));
    std::string can;
    for (const std::string right : {"subscribe", "publish", "presence", "history"}) {
      if (!options_.has("--can-" + right)) continue;
      can += (can.empty() ? "\"" : ",\"") + right + "\":" + list("--can-" + right);
    }
    if (!can.empty()) add("can", "{" + can + "}");
    if (const auto info = options_.one("--info")) {
      if (command::utf8_prefix_bytes(*info) != info->size() || command::check_json(*info)) fail("--info: is no JSON");
      add("info", *info);
    }
    return "{" + members_ + "}";
  }

 private:
  void fail(const std::string& what) {
    if (fault_.empty()) fault_ = what;
  }
  void add(std::string_view name, const std::string& json) {
    members_ += (members_.empty() ? "\"" : ",\"") + std::string(name) + "\":" + json;
  }
  [[nodiscard]] std::string quoted(std::string_view option, const std::string& text) {
    if (command::utf8_prefix_bytes(text) != text.size()) fail(std::string(option) + ": is not UTF-8");
    std::string json = "\"";
    command::append_escaped(json, text);
    return json + "\"";
  }
  void add_text(std::string_view claim, std::string_view option) {
    if (const auto text = options_.one(option)) add(claim, quoted(option, *text));
  }
  [[nodiscard]] std::string list(std::string_view option) {
    std::string json = "[";
    for (const std::string& item : options_.all(option)) {
      json += (json.size() == 1 ? "" : ",") + quoted(option, item);
    }
    return json + "]";
  }
  [[nodiscard]] std::int64_t lifetime_s() {
    const auto given = config::parse_duration(options_.one("--expires-in").value_or("1h"));
    const auto lifetime = std::chrono::duration_cast<std::chrono::seconds>(given.value_or(std::chrono::seconds{0}));
    if (lifetime.count() <= 0) fail("--expires-in: expected a duration as 30s, 15m or 24h");
    return lifetime.count();
  }

  const Options& options_;
  std::string members_;
  std::string fault_;
};

using MadeSigner = Result<auth::TokenSigner, Outcome>;

MadeSigner signer_by_secret(const Options& options, const std::string& file) {
  const auto algorithm = auth::algorithm_named(options.one("--algorithm").value_or("HS256"));
  if (!algorithm || !auth::is_symmetric(*algorithm)) {
    return wrong_usage(token_new_usage, "--algorithm: a secret is for HS256, HS384 and HS512");
  }
  const auto text = read_input(file);
  if (!text) return refused(token_new_usage, file + " " + text.error().what);
  auto signer = auth::TokenSigner::from_secret(*algorithm, without_line_end(*text));
  if (!signer) return refused(token_new_usage, "the secret in " + file + " " + signer.error());
  return std::move(*signer);
}

MadeSigner signer_by_key(const Options& options, const std::string& file) {
  const auto text = read_input(file);
  if (!text) return refused(token_new_usage, file + " " + text.error().what);
  auto signer = auth::TokenSigner::from_private_key_pem(*text);
  if (!signer) return refused(token_new_usage, file + " " + signer.error());
  const std::string own(auth::algorithm_name(signer->algorithm()));
  if (options.one("--algorithm").value_or(own) != own) {
    return wrong_usage(token_new_usage, "--algorithm: the key in " + file + " is for " + own);
  }
  return std::move(*signer);
}

MadeSigner signer_of(const Options& options) {
  const auto secret_file = options.one("--secret-file");
  const auto key_file = options.one("--private-key");
  if (secret_file.has_value() == key_file.has_value()) {
    return wrong_usage(token_new_usage, "expected either --secret-file or --private-key");
  }
  return secret_file ? signer_by_secret(options, *secret_file) : signer_by_key(options, *key_file);
}

}  // namespace

const Usage& usage_of_token_new() {
  return token_new_usage;
}

Outcome token_new(std::span<const std::string> arguments) {
  Options options;
  if (auto done = options.parse(token_new_usage, arguments)) return std::move(*done);
  if (options.one("--sub").value_or("").empty()) {
    return wrong_usage(token_new_usage, "--sub: missing or empty; the user's name");
  }
  const std::int64_t now_s = std::time(nullptr);
  ClaimsText made(options);
  const std::string claims = made.text(now_s);
  if (!made.fault().empty()) return wrong_usage(token_new_usage, made.fault());
  // What no broker would accept is not signed.
  if (const auto who = auth::read_claims(claims, auth::ClaimRules{}, now_s); !who) {
    return wrong_usage(token_new_usage, who.error().detail);
  }
  nlohmann::ordered_json header;
  const auto signer = signer_of(options);
  if (!signer) return signer.error();
  header["alg"] = auth::algorithm_name(signer->algorithm());
  header["typ"] = "JWT";
  if (const auto kid = options.one("--kid")) header["kid"] = *kid;
  const std::string token = signer->sign(header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), claims);
  if (token.size() > auth::token_bytes_max) {
    return wrong_usage(token_new_usage, "the token has " + std::to_string(token.size()) + " bytes, at most " +
                                            std::to_string(auth::token_bytes_max) + " are accepted");
  }
  return {exit_done, token + "\n", ""};
}

}  // namespace crier::tools
