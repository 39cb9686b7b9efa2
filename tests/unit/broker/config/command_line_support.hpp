// What the tests of command line, environment and printing share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "broker/config/config_loader.hpp"

namespace crier::config {

// `environment` has "NAME=value" items.
inline CommandLine run(const std::vector<std::string>& words, const std::vector<std::string>& environment = {}) {
  std::vector<const char*> argv{"crier"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data(), environment);
}

// What a refused command line says; "" when it was taken.
inline std::string refusal(const std::vector<std::string>& words, const std::vector<std::string>& environment = {}) {
  const CommandLine line = run(words, environment);
  if (line.exit_code == 0) return "";
  EXPECT_EQ(line.exit_code, 2) << line.output;
  EXPECT_EQ(line.action, CommandLine::Action::finished);
  return line.output;
}

inline Config config_of(const std::vector<std::string>& words, const std::vector<std::string>& environment = {}) {
  const CommandLine line = run(words, environment);
  EXPECT_EQ(line.action, CommandLine::Action::serve) << line.output;
  EXPECT_EQ(line.exit_code, 0);
  return line.config;
}

// A file of this test's own, gone with it.
class File {
 public:
  explicit File(const std::string& text, const std::string& name = "")
      : path_(std::filesystem::path(::testing::TempDir()) /
              ("crier_" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->test_suite_name() + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + name + ".toml")) {
    std::ofstream(path_) << text;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::filesystem::remove(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace crier::config
