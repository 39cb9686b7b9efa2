// A directory that is gone after the test, and what stands in it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace crier::state {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "crier-state-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  // The state directory, which is not there at first.
  [[nodiscard]] std::string path() const { return root_ / "state"; }
  [[nodiscard]] std::string path(const std::string& name) const { return root_ / "state" / name; }
  [[nodiscard]] std::string outside(const std::string& name) const { return root_ / name; }

  // All names but the lock's.
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path())) found.insert(entry.path().filename());
    found.erase("crier.lock");
    return found;
  }

  static std::string content(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const std::string& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
    EXPECT_EQ(::chmod(file.c_str(), 0600), 0);
  }
  static mode_t mode(const std::string& file) {
    struct stat found{};
    EXPECT_EQ(::lstat(file.c_str(), &found), 0) << file;
    return found.st_mode & 07777;
  }

 private:
  std::filesystem::path root_;
};

}  // namespace crier::state
