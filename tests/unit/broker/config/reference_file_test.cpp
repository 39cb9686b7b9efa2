// deploy/crier.toml is the reference of all settings: it must stay true.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "broker/config/names.hpp"
#include "tests/unit/broker/config/support.hpp"

namespace crier::config {
namespace {

std::string reference() {
  std::ifstream in(CRIER_REFERENCE_FILE);
  EXPECT_TRUE(in) << CRIER_REFERENCE_FILE;
  return {std::istreambuf_iterator<char>(in), {}};
}

// The keys of "{ messages = 100, age = "2m" }", an inline table of plain values.
std::set<std::string> keys_in_inline_table(std::string value, const std::string& table) {
  std::set<std::string> keys;
  value.replace(0, 1, ",");  // so that every key has one before it
  for (auto comma = value.find(", "); comma != std::string::npos; comma = value.find(", ", comma + 1)) {
    keys.insert(table + "." + value.substr(comma + 2, value.find(" = ", comma) - comma - 2));
  }
  return keys;
}

// The key that a line sets, commented out or not; "" when it sets none.
std::string key_of(std::string line) {
  if (line.starts_with("# ")) line.erase(0, 2);
  const std::string name = line.substr(0, line.find(" = "));
  return name.size() < line.size() && is_bare(name) ? name : "";
}

// The table that a line opens, as supported_keys() names it: "server", "tls.host[]", "namespace.*"; "" for none.
std::string table_of(std::string line) {
  if (line.starts_with("# ")) line.erase(0, 2);
  if (!line.starts_with('[')) return "";
  const bool array = line.starts_with("[[");
  std::string table = line.substr(array ? 2 : 1, line.find(']') - (array ? 2 : 1));
  if (table.starts_with("namespace.")) table = "namespace.*";
  return array ? table + "[]" : table;
}

// The keys that stand in a text at a line's start, commented out or not, as supported_keys() names them.
std::set<std::string> keys_in(const std::string& text) {
  std::set<std::string> keys;
  std::istringstream lines(text);
  std::string table;
  for (std::string line; std::getline(lines, line);) {
    if (const std::string opened = table_of(line); !opened.empty()) table = opened;
    const std::string name = key_of(line);
    if (name.empty()) continue;
    const std::string value = line.substr(line.find(" = ") + 3);
    if (!value.starts_with("{ ")) keys.insert(table + "." + name);
    if (value.starts_with("{ ")) keys.merge(keys_in_inline_table(value, table + "." + name));
  }
  return keys;
}

TEST(ReferenceFile, Says_what_the_defaults_are) {
  EXPECT_EQ(parsed(reference()), Config{});
}

TEST(ReferenceFile, Names_every_supported_key_and_no_other) {
  const auto supported = supported_keys();
  EXPECT_EQ(keys_in(reference()), std::set<std::string>(supported.begin(), supported.end()));
}

// What is commented out has no default that could be written: it depends on other settings, or its table is optional.
TEST(ReferenceFile, Comments_out_only_what_has_no_default_to_be_written) {
  std::set<std::string> written;
  std::set<std::string> commented;
  std::istringstream lines(reference());
  std::string table;
  for (std::string line; std::getline(lines, line);) {
    if (const std::string opened = table_of(line); !opened.empty()) table = opened;
    const std::string name = key_of(line);
    if (name.empty() || table.ends_with("[]") || name == "history") continue;
    (line.starts_with("# ") ? commented : written).insert(table + "." + name);
  }
  std::set<std::string> alone;
  std::ranges::set_difference(commented, written, std::inserter(alone, alone.end()));
  EXPECT_EQ(alone, (std::set<std::string>{"namespace.*.pattern_access", "namespace.*.publish", "server.origins"}));
}

// Takes the commented settings, each in the place of the one that it is an example for.
std::string with_examples(const std::string& text) {
  std::vector<std::string> out;
  std::map<std::string, std::size_t> places;
  std::istringstream lines(text);
  std::string table;
  for (std::string line; std::getline(lines, line);) {
    const bool example = line.starts_with("# ") && (!key_of(line).empty() || line.starts_with("# ["));
    if (example) line.erase(0, 2);
    if (line.starts_with('[')) table = line;
    if (const std::string key = key_of(line); !key.empty() && !line.starts_with('#')) {
      const auto [place, first] = places.try_emplace(table + key, out.size());
      if (!first) out[place->second].clear();
    }
    out.push_back(line);
  }
  std::string joined;
  for (const std::string& line : out) joined += line + "\n";
  return joined;
}

TEST(ReferenceFile, Stays_valid_when_its_examples_are_used) {
  const Config config = parsed(with_examples(reference()));
  EXPECT_TRUE(config.server.origins.has_value());
  EXPECT_EQ(config.server.listen.size(), 3U);
  EXPECT_EQ(config.tls.hosts.size(), 1U);
  EXPECT_EQ(config.auth.jwt.algorithms, std::vector{JwtAlgorithm::EdDSA});
  ASSERT_EQ(config.auth.service_keys.size(), 1U);
  EXPECT_EQ(config.auth.service_keys[0].publish, std::vector<std::string>{"orders.>"});
  EXPECT_EQ(config.namespaces.size(), 2U);
  EXPECT_EQ(config.settings_of("chat").history, (History{1'000, milliseconds(86'400'000)}));
  EXPECT_EQ(config.settings_of("chat").publish, Who::granted);
}

}  // namespace
}  // namespace crier::config
