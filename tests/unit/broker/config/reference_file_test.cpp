// deploy/crier.toml is the reference of all settings: it must stay true.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

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

// The keys that stand in a text at a line's start, commented out or not, as "server.listen".
std::set<std::string> keys_in(const std::string& text) {
  std::set<std::string> keys;
  std::istringstream lines(text);
  std::string table;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ")) line.erase(0, 2);
    if (line.starts_with('[')) table = line.substr(1, line.find(']') - 1);
    const std::string name = line.substr(0, line.find(" = "));
    if (name.size() == line.size() || !is_bare(name)) continue;
    keys.insert(table + "." + name);
    const std::string value = line.substr(name.size() + 3);
    if (value.starts_with("{ ")) keys.merge(keys_in_inline_table(value, table + "." + name));
  }
  return keys;
}

TEST(ReferenceFile, Says_what_the_defaults_are) {
  EXPECT_EQ(parsed(reference()), Config{});
}

TEST(ReferenceFile, Names_every_supported_key) {
  const std::set<std::string> present = keys_in(reference());
  for (std::string key : supported_keys()) {
    if (const auto star = key.find('*'); star != std::string::npos) key.replace(star, 1, "default");
    EXPECT_TRUE(present.contains(key)) << key;
  }
}

TEST(ReferenceFile, Stays_valid_when_its_commented_settings_are_used) {
  std::istringstream lines(reference());
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const bool setting = line.starts_with("# ") && is_bare(line.substr(2, line.find(" = ") - 2));
    text += (setting || line.starts_with("# [") ? line.substr(2) : line) + "\n";
  }
  const Config config = parsed(text);
  EXPECT_TRUE(config.server.origins.has_value());
  EXPECT_EQ(config.namespaces.size(), 2U);
  EXPECT_EQ(config.settings_of("chat").history, (History{1'000, milliseconds(86'400'000)}));
}

}  // namespace
}  // namespace crier::config
