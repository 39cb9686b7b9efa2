// What the tests of the configuration share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "broker/config/config_loader.hpp"

namespace crier::config {

inline void PrintTo(const Problem& problem, std::ostream* out) {
  *out << problem.text();
}

// The problems of a text as an operator reads them; empty when it was taken.
inline std::vector<std::string> faults(std::string_view text) {
  const auto parsed = parse_toml(text, "crier.toml");
  std::vector<std::string> lines;
  if (!parsed) {
    for (const Problem& problem : parsed.error()) lines.push_back(problem.text());
  }
  return lines;
}

// The one problem of a text.
inline std::string fault(std::string_view text) {
  const auto lines = faults(text);
  EXPECT_EQ(lines.size(), 1U) << ::testing::PrintToString(lines);
  return lines.empty() ? "" : lines.front();
}

// The configuration of a text without problems.
inline Config parsed(std::string_view text) {
  const auto result = parse_toml(text, "crier.toml");
  EXPECT_TRUE(result) << ::testing::PrintToString(faults(text));
  return result ? *result : Config{};
}

// What makes tokens and a service key configured.
inline std::string with_secret(std::size_t bytes = 32) {
  return "[auth.jwt]\nsecret = '" + std::string(bytes, 's') + "'\n";
}
inline std::string service_key(const std::string& name, char digit = 'a') {
  return "[[auth.service_key]]\nname = '" + name + "'\nsha256 = '" + std::string(64, digit) + "'\n";
}

}  // namespace crier::config
