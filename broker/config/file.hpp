// The configuration file: its text, and what it says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/config/draft.hpp"
#include "broker/config/toml_document.hpp"
#include "protocol/base/result.hpp"

namespace crier::config {

// The file's text, or the system's reason.
[[nodiscard]] Result<std::string, Problem> read_file(const std::string& path);

// A file that was read and understood.
struct Document {
  std::string name;  // for the messages
  Table table;
};
// Nothing when it is no TOML, which the draft is told: then nothing is known about what it says, and rules between
// settings are not to be applied.
[[nodiscard]] std::optional<Document> parse_file(Draft& draft, std::string_view text, const std::string& file_name);

}  // namespace crier::config
