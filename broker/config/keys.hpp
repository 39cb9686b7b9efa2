// Every key of the configuration file: its name, its range, the field it fills.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/config/draft.hpp"
#include "broker/config/toml_document.hpp"

namespace crier::config {

// A namespace starts from the settings of `default`, wherever those were written: so everything is read in two passes.
enum class Pass : std::uint8_t {
  settings,   // all but the namespaces, and namespace.default
  namespaces  // the others
};
inline constexpr std::array passes{Pass::settings, Pass::namespaces};

// Reads a file's whole tree into the draft.
void read_document(Draft& draft, const std::string& file_name, const Table& document, Pass pass);

// Reads one setting by its id, as "server.threads" or "namespace.chat.history.age": the way in from outside of files.
// False when there is no such key, or when it is one of an array's tables.
[[nodiscard]] bool read_setting(Draft& draft, std::string_view id, const Source& source, const Value& value);

}  // namespace crier::config
