// The commands of `crier` that are clients of a broker: what stands behind `crier sub`, `crier pub` and so on.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace crier::cli {

// Is `command` one of those that run() knows?
[[nodiscard]] bool knows(std::string_view command);

// `arguments`: the words behind the command's name. Reads and writes the standard streams itself as it goes, and takes
// SIGINT, SIGTERM and SIGPIPE over. Answers what the process is to exit with, one of exit_code.hpp. Call it once, on
// the main thread.
[[nodiscard]] int run(std::string_view command, std::span<const std::string> arguments);

}  // namespace crier::cli
