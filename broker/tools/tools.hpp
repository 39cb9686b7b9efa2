// `crier drain`, `crier health`, `crier key` and `crier token`: what operators and developers do with keys and tokens
// beside a running broker.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/usage.hpp"

namespace crier::tools {

// What a tool leaves behind.
struct Outcome {
  int exit_code = 0;   // one of those below
  std::string output;  // for stdout
  std::string errors;  // for stderr, lines
};

inline constexpr int exit_done = 0;     // made; for `token inspect`: accepted
inline constexpr int exit_refused = 1;  // a file or a key cannot be used; for `token inspect`: no token, or refused
inline constexpr int exit_usage = 2;    // wrong options

// `arguments`: the words behind the tool's name. Reads files and standard input; secrets are taken from there alone,
// because everybody can see a command line (ps).
[[nodiscard]] Outcome run_tool(std::string_view tool, std::span<const std::string> arguments);

// What each of the tools' commands takes: "crier drain", "crier key new" and so on.
[[nodiscard]] std::vector<const config::Usage*> usages();

}  // namespace crier::tools
