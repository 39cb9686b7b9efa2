// `crier token inspect`: what a token says, for people; and what a broker would say to it.
#include <array>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "broker/auth/authenticator.hpp"
#include "broker/auth/claims.hpp"
#include "broker/auth/json_object.hpp"
#include "broker/auth/token_verifier.hpp"
#include "broker/config/config_loader.hpp"
#include "broker/tools/commands.hpp"
#include "broker/tools/input.hpp"
#include "broker/tools/options.hpp"
#include "protocol/command/base64url.hpp"

namespace crier::tools {

namespace {

constexpr std::array token_inspect_options = {
    Option{"--config", "FILE", "Say whether a broker with this configuration would accept it"},
};

constexpr std::string_view token_inspect_footer =
    "Without TOKEN, or with -, it is read from standard input. A token is as good as its user's password until it\n"
    "expires: `ps` and the shell's history show what stands on a command line.\n"
    "Without --config the signature is not looked at.\n"
    "\n"
    "Exit codes: 0 it can be read, and the broker would accept it; 1 not; 2 wrong options or configuration.\n";

constexpr Usage token_inspect_usage{"crier token inspect",
                                    "[TOKEN | -] [OPTIONS]",
                                    "Show what a token says, and whether a broker takes it",
                                    token_inspect_options,
                                    token_inspect_footer,
                                    0,
                                    1};

constexpr std::size_t name_column = 15;

std::string row(std::string_view name, const std::string& value) {
  std::string text = "  " + std::string(name);
  text.resize(std::max(text.size() + 2, name_column + 2), ' ');
  return text + value + "\n";
}

// A value of a token as JSON of ASCII alone, so that nothing in it can disturb a terminal.
std::string shown(const command::JsonValue& value) {
  const auto json = nlohmann::ordered_json::parse(value.raw, nullptr, false);
  if (json.is_discarded()) return "(a number that is too large)";
  return json.dump(-1, ' ', true);
}

// Names are strangers' text as well.
std::string shown_name(const std::string& name) {
  const std::string quoted = nlohmann::json(name).dump(-1, ' ', true);
  return quoted.substr(1, quoted.size() - 2);
}

// "3 min", of seconds that are not negative.
std::string span_text(double seconds) {
  struct Unit {
    double seconds;
    std::string_view name;
  };
  constexpr std::array units = {Unit{86'400, " d"}, Unit{3'600, " h"}, Unit{60, " min"}};
  for (const Unit& unit : units) {
    if (seconds >= 2 * unit.seconds) {
      return std::to_string(static_cast<std::int64_t>(seconds / unit.seconds)) + std::string(unit.name);
    }
  }
  return std::to_string(static_cast<std::int64_t>(seconds)) + " s";
}

std::string date_text(const command::JsonValue& value, std::int64_t now_s) {
  std::string plain = shown(value);
  const auto json = nlohmann::json::parse(value.raw, nullptr, false);
  if (!json.is_number()) return plain;
  const double seconds = json.get<double>();
  if (std::abs(seconds) > auth::numeric_date_max) return plain;
  const auto whole = static_cast<std::time_t>(std::floor(seconds));
  std::tm parts{};
  std::array<char, 64> text{};
  if (gmtime_r(&whole, &parts) == nullptr) return plain;
  if (std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) return plain;
  const double away = seconds - static_cast<double>(now_s);
  return std::string(text.data()) + (away < 0 ? ", " + span_text(-away) + " ago" : ", in " + span_text(away));
}

bool is_date(std::string_view claim) {
  return claim == "exp" || claim == "nbf" || claim == "iat" || claim == "auth_time";
}

// What it may, a row for each right.
std::string rights_text(const command::JsonValue& can) {
  std::string text;
  const auto rights = auth::JsonObject::inside(can);
  for (const auto& member : rights.members()) {
    std::string list;
    if (member.value.kind == command::JsonKind::array) {
      for (const auto& item : auth::elements_of(member.value)) list += (list.empty() ? "" : ", ") + shown(item);
      if (list.empty()) list = "nothing";
    }
    text += row("can." + shown_name(member.name), list.empty() ? shown(member.value) : list);
  }
  return text;
}

// One part of the token, member by member; nullopt with the reason in `fault` where it cannot be read.
std::optional<std::string> part_text(std::string_view title, std::string_view part, std::int64_t now_s,
                                     std::string& fault) {
  const auto json = command::decode_base64url(part);
  if (!json) return fault = std::string(title) + " is not base64url without padding", std::nullopt;
  const auto object = auth::JsonObject::parse(*json, auth::claims_levels_max);
  if (!object) return fault = std::string(title) + " " + std::string(object.error().what), std::nullopt;
  std::string text = std::string(title) + "\n";
  for (const auto& member : object->members()) {
    if (member.name == "can" && member.value.kind == command::JsonKind::object) {
      text += rights_text(member.value);
    } else {
      text += row(shown_name(member.name), is_date(member.name) ? date_text(member.value, now_s) : shown(member.value));
    }
  }
  return text;
}

Result<std::string, Outcome> read_parts(std::string_view token, std::int64_t now_s) {
  if (!auth::looks_like_token(token)) {
    return refused(token_inspect_usage, "this is no token: it is not three parts between dots");
  }
  const std::size_t first = token.find('.');
  const std::size_t second = token.rfind('.');
  std::string fault;
  const auto header = part_text("header", token.substr(0, first), now_s, fault);
  if (!header) return refused(token_inspect_usage, fault);
  const auto claims = part_text("claims", token.substr(first + 1, second - first - 1), now_s, fault);
  if (!claims) return refused(token_inspect_usage, fault);
  return *header + *claims;
}

// What the broker would make of it: the last line, and the exit code.
void judge(Outcome& outcome, std::string_view token, const config::Config& config, std::int64_t now_s) {
  const auto made = auth::Authenticator::make(config.auth);
  if (!made) {
    outcome.exit_code = exit_usage;
    for (const std::string& fault : made.error()) outcome.errors += fault + "\n";
    return;
  }
  for (const std::string& remark : (*made)->remarks()) outcome.errors += remark + "\n";
  const auto who = (*made)->authenticate(token, auth::CredentialPlace::header, now_s);
  if (!who) {
    outcome.exit_code = exit_refused;
    outcome.output += "refused: " + who.error().detail + " (" + std::string(to_string(who.error().code)) + ")\n";
    return;
  }
  const std::string name = nlohmann::json((*who)->name).dump(-1, ' ', true);
  const bool service = (*who)->kind == auth::Principal::Kind::service;
  outcome.output += service
                        ? "accepted: the key of the service " + name + "\n"
                        : "accepted: " + ((*who)->name.empty() ? "a user without a name" : "the user " + name) + "\n";
}

Result<config::Config, Outcome> load_config(const std::string& file) {
  const std::array arguments = {"crier", "check", file.c_str()};
  config::CommandLine line = config::parse_command_line(static_cast<int>(arguments.size()), arguments.data());
  if (line.exit_code != 0) return Outcome{exit_usage, "", std::move(line.output)};
  return std::move(line.config);
}

}  // namespace

const Usage& usage_of_token_inspect() {
  return token_inspect_usage;
}

Outcome token_inspect(std::span<const std::string> arguments) {
  Options options;
  if (auto done = options.parse(token_inspect_usage, arguments)) return std::move(*done);
  const std::int64_t now_s = std::time(nullptr);
  std::optional<config::Config> config;
  if (const auto file = options.one("--config")) {
    auto loaded = load_config(*file);
    if (!loaded) return std::move(loaded.error());
    config = std::move(*loaded);
  }
  std::string token = options.words().empty() ? "-" : options.words().front();
  if (token == "-") {
    auto text = read_input("-");
    if (!text) return refused(token_inspect_usage, "standard input " + text.error().what);
    token = without_line_end(std::move(*text));
  }
  auto parts = read_parts(token, now_s);
  if (!config) {
    if (!parts) return std::move(parts.error());
    return Outcome{exit_done,
                   *parts + "the signature was not looked at: --config FILE says whether a broker would accept it\n",
                   ""};
  }
  Outcome outcome{exit_done, parts ? std::move(*parts) : "", ""};
  judge(outcome, token, *config, now_s);
  return outcome;
}

}  // namespace crier::tools
