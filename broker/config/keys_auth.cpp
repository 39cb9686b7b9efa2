// [auth], [auth.jwt] and [[auth.service_key]].
#include "broker/config/key_table.hpp"
#include "broker/config/rules.hpp"

namespace crier::config {
namespace {

constexpr std::int64_t hour_ms = 3'600'000;

constexpr std::array algorithm_words{Word{"HS256"}, Word{"HS384"}, Word{"HS512"},
                                     Word{"RS256"}, Word{"ES256"}, Word{"EdDSA"}};

void exchange_algorithms(const Exchange& exchange, std::vector<JwtAlgorithm>& field) {
  if (exchange.reads()) {
    const auto words = words_of(exchange.setting(), algorithm_words);
    if (!words) return;
    field.clear();
    for (const std::size_t word : *words) field.push_back(static_cast<JwtAlgorithm>(word));
    return;
  }
  std::vector<std::string> texts;
  for (const JwtAlgorithm algorithm : field) {
    texts.emplace_back(algorithm_words[static_cast<std::size_t>(algorithm)].text);
  }
  exchange.spell(toml_texts(texts));
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// What is no digest may be the key itself, and is not shown.
void exchange_digest(const Exchange& exchange, std::array<std::uint8_t, 32>& field) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  if (!exchange.reads()) {
    for (const std::uint8_t byte : field) text += {digits[byte >> 4U], digits[byte & 15U]};
    return exchange.spell(toml_text(text));
  }
  if (!read_text(exchange.setting(), text, judge_digest)) return;
  for (std::size_t i = 0; i < field.size(); ++i) {
    field[i] = static_cast<std::uint8_t>(hex_digit(text[2 * i]) * 16 + hex_digit(text[2 * i + 1]));
  }
}

constexpr std::array<std::string_view, 2> service_key_required{"name", "sha256"};

constexpr auto auth_keys = std::to_array<Key<Auth>>({
    {"anonymous", [](const Exchange& x, Auth& t) { exchange_flag(x, t.anonymous); }},
    {"auth_timeout",
     [](const Exchange& x, Auth& t) {
       exchange_duration(x, t.auth_timeout,
                         {100, hour_ms, "A loaded machine would cut off honest clients.",
                          "Whoever has no token would hold a connection that long."});
     }},
    {"expiry_grace",
     [](const Exchange& x, Auth& t) {
       exchange_duration(x, t.expiry_grace, {0, hour_ms, "", "Tokens would be good for that long after their end."});
     }},
    {"leeway",
     [](const Exchange& x, Auth& t) {
       exchange_duration(x, t.leeway, {0, 300'000, "", "Clocks so far apart want to be set, not tolerated."});
     }},
    {"jwt", [](const Exchange& x, Auth& t) { read_subtable(x.setting(), t.jwt, "[auth.jwt]"); }, true},
    {"service_key",
     [](const Exchange& x, Auth& t) { read_subtables(x.setting(), t.service_keys, service_key_required); }, true},
});

constexpr auto jwt_keys = std::to_array<Key<Jwt>>({
    {"algorithms", [](const Exchange& x, Jwt& t) { exchange_algorithms(x, t.algorithms); }},
    {"secret", [](const Exchange& x, Jwt& t) { exchange_text(x, t.secret, judge_secret); }},
    {"public_key", [](const Exchange& x, Jwt& t) { exchange_text(x, t.public_key, judge_file); }},
    {"jwks", [](const Exchange& x, Jwt& t) { exchange_text(x, t.jwks, judge_file); }},
    {"issuer", [](const Exchange& x, Jwt& t) { exchange_text(x, t.issuer, judge_claim); }},
    {"audience", [](const Exchange& x, Jwt& t) { exchange_text(x, t.audience, judge_claim); }},
    {"expiry_required", [](const Exchange& x, Jwt& t) { exchange_flag(x, t.expiry_required); }},
});

constexpr auto service_key_keys = std::to_array<Key<ServiceKey>>({
    {"name", [](const Exchange& x, ServiceKey& t) { exchange_text(x, t.name, judge_service_name); }},
    {"sha256", [](const Exchange& x, ServiceKey& t) { exchange_digest(x, t.sha256); }},
    {"publish", [](const Exchange& x, ServiceKey& t) { exchange_texts(x, t.publish, judge_grant); }},
    {"subscribe", [](const Exchange& x, ServiceKey& t) { exchange_texts(x, t.subscribe, judge_grant); }},
    {"presence", [](const Exchange& x, ServiceKey& t) { exchange_texts(x, t.presence, judge_grant); }},
    {"history", [](const Exchange& x, ServiceKey& t) { exchange_texts(x, t.history, judge_grant); }},
    {"manage", [](const Exchange& x, ServiceKey& t) { exchange_flag(x, t.manage); }},
});

}  // namespace

template <>
KeyTable<Auth> keys_of<Auth>() {
  return {auth_keys, {}};
}
template <>
KeyTable<Jwt> keys_of<Jwt>() {
  return {jwt_keys, {}};
}
template <>
KeyTable<ServiceKey> keys_of<ServiceKey>() {
  return {service_key_keys, {}};
}

}  // namespace crier::config
