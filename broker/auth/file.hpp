// Small files that the configuration names: keys and key sets.
#pragma once

#include <cstddef>
#include <string>

#include "protocol/base/result.hpp"

namespace crier::auth {

inline constexpr std::size_t key_file_bytes_max = 1024 * 1024;

// Why it cannot be had: the rest of a sentence that begins with the file.
struct FileFault {
  std::string what;
};

// The whole file, which is an ordinary one.
[[nodiscard]] Result<std::string, FileFault> read_key_file(const std::string& path);

}  // namespace crier::auth
