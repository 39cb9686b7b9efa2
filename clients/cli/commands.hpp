// The client commands, each by the words behind its name; each answers an exit code (exit_code.hpp).
#pragma once

#include <span>
#include <string>

#include "broker/config/usage.hpp"

namespace crier::cli {

[[nodiscard]] int bench(std::span<const std::string> arguments);

// What they take: for the manual page and the shells' completions.
[[nodiscard]] const config::Usage& bench_usage();

}  // namespace crier::cli
