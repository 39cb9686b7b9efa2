// The configuration file: its text, and what it says.
#pragma once

#include <string>
#include <string_view>

#include "broker/config/draft.hpp"
#include "protocol/base/result.hpp"

namespace crier::config {

// The file's text, or the system's reason.
[[nodiscard]] Result<std::string, Problem> read_file(const std::string& path);

// Reads every setting of the text. False when it is no TOML: then nothing is known about what it says, and rules
// between settings are not to be applied.
[[nodiscard]] bool read_file_text(Draft& draft, std::string_view text, const std::string& file_name);

}  // namespace crier::config
