// The tools' commands, each by the words behind its name.
#pragma once

#include <span>
#include <string>

#include "broker/config/usage.hpp"
#include "broker/tools/tools.hpp"

namespace crier::tools {

[[nodiscard]] Outcome drain(std::span<const std::string> arguments);
[[nodiscard]] Outcome health(std::span<const std::string> arguments);
[[nodiscard]] Outcome key_new(std::span<const std::string> arguments);
[[nodiscard]] Outcome token_new(std::span<const std::string> arguments);
[[nodiscard]] Outcome token_inspect(std::span<const std::string> arguments);

[[nodiscard]] const config::Usage& usage_of_drain();
[[nodiscard]] const config::Usage& usage_of_health();
[[nodiscard]] const config::Usage& usage_of_key_new();
[[nodiscard]] const config::Usage& usage_of_token_new();
[[nodiscard]] const config::Usage& usage_of_token_inspect();

}  // namespace crier::tools
