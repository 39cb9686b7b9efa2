// The tools' commands, each by the words behind its name.
#pragma once

#include <span>
#include <string>

#include "broker/tools/tools.hpp"

namespace crier::tools {

[[nodiscard]] Outcome drain(std::span<const std::string> arguments);
[[nodiscard]] Outcome health(std::span<const std::string> arguments);
[[nodiscard]] Outcome key_new(std::span<const std::string> arguments);
[[nodiscard]] Outcome token_new(std::span<const std::string> arguments);
[[nodiscard]] Outcome token_inspect(std::span<const std::string> arguments);

}  // namespace crier::tools
