#include "broker/auth/claims.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "broker/auth/json_object.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::auth {

using command::JsonKind;
using command::JsonValue;

namespace {

AuthFault bad_claims(std::string detail) {
  return {ErrorCode::unauthorized, "claims", std::move(detail)};
}

std::string claim_called(std::string_view name) {
  return "the token's claim `" + std::string(name) + "`";
}

// Seconds since 1970, with a fraction or not (RFC 7519 section 2, NumericDate).
std::optional<double> numeric_date(const JsonValue& value) {
  double seconds = 0;
  if (value.kind != JsonKind::number) return std::nullopt;
  const char* const end = value.raw.data() + value.raw.size();
  const auto [stop, error] = std::from_chars(value.raw.data(), end, seconds);
  if (error != std::errc{} || stop != end || !(std::abs(seconds) <= numeric_date_max)) return std::nullopt;
  return seconds;
}

// Reads one claim after the other. The first fault stays.
class ClaimReader {
 public:
  explicit ClaimReader(const JsonObject& claims) : claims_(claims) {}

  [[nodiscard]] const std::optional<AuthFault>& fault() const { return fault_; }

  [[nodiscard]] std::string text(std::string_view name, std::size_t bytes_max) {
    const JsonValue* value = claims_.find(name);
    if (value == nullptr) return {};
    if (value->kind != JsonKind::string) return refuse(name, "is no string"), std::string{};
    std::string text = text_of(*value);
    if (text.size() > bytes_max) refuse(name, "has more than " + std::to_string(bytes_max) + " bytes");
    return text;
  }

  [[nodiscard]] std::optional<double> date(std::string_view name) {
    const JsonValue* value = claims_.find(name);
    if (value == nullptr) return std::nullopt;
    const auto seconds = numeric_date(*value);
    if (!seconds) refuse(name, "is no time in seconds since 1970, of the year 9999 at most");
    return seconds;
  }

  // A string or an array of strings (RFC 7519 section 4.1.3).
  [[nodiscard]] std::vector<std::string> audiences() {
    const JsonValue* value = claims_.find("aud");
    if (value == nullptr) return {};
    if (value->kind == JsonKind::string) return {text_of(*value)};
    return strings("aud", *value, std::string_view::npos);
  }

  [[nodiscard]] std::string info() {
    const JsonValue* value = claims_.find("info");
    if (value == nullptr) return {};
    std::string text = compact(value->raw);
    if (text.size() > info_bytes_max) refuse("info", "has more than " + std::to_string(info_bytes_max) + " bytes");
    return text;
  }

  // Names and patterns of channels.
  [[nodiscard]] std::vector<std::string> channels(std::string_view name, const JsonValue* value,
                                                  std::size_t count_max) {
    if (value == nullptr) return {};
    std::vector<std::string> items = strings(name, *value, count_max);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const bool valid = command::looks_like_pattern(items[i]) ? command::check_channel_pattern(items[i]).empty()
                                                               : command::check_channel_name(items[i]).empty();
      if (!valid) refuse(name, "has, at index " + std::to_string(i) + ", neither a channel's name nor a pattern");
    }
    return items;
  }

  [[nodiscard]] std::array<std::vector<std::string>, right_count> can();
  [[nodiscard]] const JsonValue* find(std::string_view name) const { return claims_.find(name); }
  void refuse(std::string_view name, const std::string& what) {
    if (!fault_) fault_ = bad_claims(claim_called(name) + " " + what);
  }

 private:
  [[nodiscard]] std::vector<std::string> strings(std::string_view name, const JsonValue& value, std::size_t count_max) {
    if (value.kind != JsonKind::array) return refuse(name, "is no array of strings"), std::vector<std::string>{};
    std::vector<std::string> items;
    for (const JsonValue& element : elements_of(value)) {
      if (element.kind != JsonKind::string) refuse(name, "is no array of strings");
      if (items.size() == count_max) refuse(name, "has more than " + std::to_string(count_max) + " elements");
      if (fault_) return {};
      items.push_back(text_of(element));
    }
    return items;
  }

  const JsonObject& claims_;
  std::optional<AuthFault> fault_;
};

// A slip of the pen here would grant less than was meant, and nobody would know why: therefore nothing else may stand
// in it.
std::array<std::vector<std::string>, right_count> ClaimReader::can() {
  constexpr std::array<std::string_view, right_count> names = {"subscribe", "publish", "history", "presence"};
  std::array<std::vector<std::string>, right_count> rights;
  const JsonValue* value = claims_.find("can");
  if (value == nullptr) return rights;
  if (value->kind != JsonKind::object) return refuse("can", "is no object"), rights;
  const JsonObject can = JsonObject::inside(*value);
  for (const JsonObject::Member& member : can.members()) {
    const auto right = std::ranges::find(names, member.name);
    if (right == names.end()) {
      refuse("can", "has another member than subscribe, publish, history and presence");
      continue;
    }
    const auto index = static_cast<std::size_t>(right - names.begin());
    rights[index] = channels("can." + std::string(*right), &member.value, claim_grants_max);
  }
  return rights;
}

// At least one second of the leeway's grain: all in milliseconds, exp and nbf rounded so that no fraction is lost.
std::optional<AuthFault> judge_times(std::optional<double> exp, std::optional<double> nbf, const ClaimRules& rules,
                                     std::int64_t wall_s) {
  const auto leeway_s = static_cast<double>(rules.leeway.count()) / 1000.0;
  const auto now_s = static_cast<double>(wall_s);
  if (!exp && rules.expiry_required) {
    return AuthFault{ErrorCode::unauthorized, "no_expiry", "the token has no claim `exp`: it would be valid for ever"};
  }
  // RFC 7519 section 4.1.4: not "on or after" it.
  if (exp && now_s >= *exp + leeway_s) return AuthFault{ErrorCode::token_expired, "expired", "the token has expired"};
  if (nbf && now_s < *nbf - leeway_s) {
    return AuthFault{ErrorCode::unauthorized, "not_yet", "the token's claim `nbf` lies in the future"};
  }
  return std::nullopt;
}

std::optional<AuthFault> judge_parties(const std::string& issuer, const std::vector<std::string>& audiences,
                                       const ClaimRules& rules) {
  if (!rules.issuer.empty() && issuer != rules.issuer) {
    return AuthFault{ErrorCode::unauthorized, "issuer",
                     "the token's claim `iss` is not the issuer that this broker trusts"};
  }
  if (!rules.audience.empty() && std::ranges::find(audiences, rules.audience) == audiences.end()) {
    return AuthFault{ErrorCode::unauthorized, "audience", "the token's claim `aud` does not name this broker"};
  }
  return std::nullopt;
}

Grants granted(const std::vector<std::string>& items) {
  auto grants = Grants::parse(items);
  CRIER_ASSERT(grants);  // ClaimReader has looked at each
  return std::move(*grants);
}

void remove_repetitions(std::vector<std::string>& channels) {
  std::vector<std::string> kept;
  for (std::string& channel : channels) {
    if (std::ranges::find(kept, channel) == kept.end()) kept.push_back(std::move(channel));
  }
  channels = std::move(kept);
}

}  // namespace

Result<Principal, AuthFault> read_claims(std::string_view json, const ClaimRules& rules, std::int64_t wall_s) {
  const auto claims = JsonObject::parse(json, claims_levels_max);
  if (!claims)
    return AuthFault{ErrorCode::unauthorized, "malformed", "the token's payload " + std::string(claims.error().what)};
  ClaimReader reader(*claims);
  Principal who;
  who.kind = Principal::Kind::user;
  who.name = reader.text("sub", sub_bytes_max);
  who.info_json = reader.info();
  who.channels = reader.channels("channels", reader.find("channels"), claim_channels_max);
  remove_repetitions(who.channels);
  auto rights = reader.can();
  const std::string issuer = reader.text("iss", std::string_view::npos);
  const std::vector<std::string> audiences = reader.audiences();
  const auto exp = reader.date("exp");
  const auto nbf = reader.date("nbf");
  (void)reader.date("iat");
  if (reader.fault()) return *reader.fault();
  if (auto fault = judge_parties(issuer, audiences, rules)) return std::move(*fault);
  if (auto fault = judge_times(exp, nbf, rules, wall_s)) return std::move(*fault);

  auto& subscribe = rights[static_cast<std::size_t>(Right::subscribe)];
  subscribe.insert(subscribe.end(), who.channels.begin(), who.channels.end());
  for (std::size_t right = 0; right < right_count; ++right) who.grants[right] = granted(rights[right]);
  if (exp) who.expires_s = static_cast<std::int64_t>(std::floor(*exp));
  return who;
}

}  // namespace crier::auth
