// The client commands, each by the words behind its name; each answers an exit code (exit_code.hpp).
#pragma once

#include <span>
#include <string>

namespace crier::cli {

[[nodiscard]] int bench(std::span<const std::string> arguments);

}  // namespace crier::cli
