// The client commands, each by the words behind its name; each answers an exit code (exit_code.hpp).
#pragma once

#include <span>
#include <string>

#include "broker/config/usage.hpp"

namespace crier::cli {

[[nodiscard]] int sub(std::span<const std::string> arguments);
[[nodiscard]] int pub(std::span<const std::string> arguments);
[[nodiscard]] int top(std::span<const std::string> arguments);
[[nodiscard]] int bench(std::span<const std::string> arguments);
[[nodiscard]] int completions(std::span<const std::string> arguments);
[[nodiscard]] int man(std::span<const std::string> arguments);

// What they take: for the manual page and the shells' completions.
[[nodiscard]] const config::Usage& sub_usage();
[[nodiscard]] const config::Usage& pub_usage();
[[nodiscard]] const config::Usage& top_usage();
[[nodiscard]] const config::Usage& bench_usage();
[[nodiscard]] const config::Usage& completions_usage();
[[nodiscard]] const config::Usage& man_usage();

}  // namespace crier::cli
