// `crier key new`: a service key, and what the configuration is to know of it.
#include <array>
#include <utility>

#include "broker/auth/grants.hpp"
#include "broker/auth/service_keys.hpp"
#include "broker/config/names.hpp"
#include "broker/tools/commands.hpp"
#include "broker/tools/options.hpp"

namespace crier::tools {

namespace {

constexpr std::size_t service_name_bytes_max = 64;  // as the configuration's

constexpr std::array key_new_options = {
    Option{"--publish", "CHANNEL", "It may publish there: a name or a pattern, repeatable", true},
    Option{"--subscribe", "CHANNEL", "It may subscribe there, repeatable", true},
    Option{"--presence", "CHANNEL", "It may ask who is there, repeatable", true},
    Option{"--history", "CHANNEL", "It may read the history there, repeatable", true},
    Option{"--manage", "", "It may list channels, disconnect and kick, and use the administrative listener"},
};

constexpr std::string_view key_new_footer =
    "The first line of the output is the key, for the service alone: it is stored nowhere. The rest is for the\n"
    "broker's configuration, which knows the key by its SHA-256.\n"
    "\n"
    "Example:\n"
    "  crier key new orders --publish 'orders.>' --publish 'chat:*'\n"
    "\n"
    "Exit codes: 0 made, 2 wrong options.\n";

constexpr Usage key_new_usage{
    "crier key new", "NAME [OPTIONS]", "Make a service key", key_new_options, key_new_footer, 1, 1};

std::string hex_of(const auth::Sha256& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += digits[byte >> 4];
    text += digits[byte & 0xF];
  }
  return text;
}

// Valid channels and patterns hold neither quotes nor backslashes nor controls, so they stand in TOML as they are.
std::string toml_list(std::string_view key, const std::vector<std::string>& items) {
  if (items.empty()) return {};
  std::string line = std::string(key) + " = [";
  for (std::size_t i = 0; i < items.size(); ++i) line += (i == 0 ? "\"" : ", \"") + items[i] + "\"";
  return line + "]\n";
}

}  // namespace

const Usage& usage_of_key_new() {
  return key_new_usage;
}

Outcome key_new(std::span<const std::string> arguments) {
  Options options;
  if (auto done = options.parse(key_new_usage, arguments)) return std::move(*done);
  const std::string& name = options.words().front();
  std::string table;
  for (const std::string_view right : {"publish", "subscribe", "presence", "history"}) {
    const std::vector<std::string> items = options.all("--" + std::string(right));
    if (const auto grants = auth::Grants::parse(items); !grants) {
      return wrong_usage(key_new_usage, "--" + std::string(right) + ": " + grants.error());
    }
    table += toml_list(right, items);
  }
  if (!config::is_bare(name) || name.size() > service_name_bytes_max) {
    return wrong_usage(key_new_usage, "the name has 1 to 64 letters, digits, '_' and '-', as `orders`");
  }
  if (options.has("--manage")) table += "manage = true\n";
  const std::string key = auth::new_service_key();
  Outcome outcome;
  outcome.output =
      key + "\n" +
      "\n# The line above is the key, shown this once: the service sends it as `Authorization: Bearer KEY`."
      "\n# What follows is for the broker's configuration.\n"
      "[[auth.service_key]]\nname = \"" +
      name + "\"\nsha256 = \"" + hex_of(auth::sha256_of(key)) + "\"\n" + table;
  return outcome;
}

}  // namespace crier::tools
