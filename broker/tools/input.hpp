// What a tool reads: a file, a pipe, or standard input.
#pragma once

#include <string>

#include "broker/auth/file.hpp"
#include "protocol/base/result.hpp"

namespace crier::tools {

// The whole of it, at most auth::key_file_bytes_max. "-": standard input.
[[nodiscard]] Result<std::string, auth::FileFault> read_input(const std::string& path);
// Without the end of its last line, which editors and `echo` put there.
[[nodiscard]] std::string without_line_end(std::string text);

}  // namespace crier::tools
