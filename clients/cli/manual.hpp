// The manual page and the shells' completions, made of the tables that the parsers and --help have.
#pragma once

#include <string>
#include <vector>

#include "broker/config/usage.hpp"

namespace crier::cli {

// Every command of `crier`, in the order of its --help.
[[nodiscard]] std::vector<const config::Usage*> all_usages();

// roff, with the macros of man(7).
[[nodiscard]] std::string manual_page(const std::vector<const config::Usage*>& usages);

// For `source`, for $fpath as _crier, and for fish's completions folder.
[[nodiscard]] std::string bash_completions(const std::vector<const config::Usage*>& usages);
[[nodiscard]] std::string zsh_completions(const std::vector<const config::Usage*>& usages);
[[nodiscard]] std::string fish_completions(const std::vector<const config::Usage*>& usages);

}  // namespace crier::cli
