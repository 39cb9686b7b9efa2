// Every key of the configuration file: its name, its range, the field it fills.
#pragma once

#include <string>
#include <string_view>

#include "broker/config/draft.hpp"
#include "broker/config/toml_document.hpp"

namespace crier::config {

// Reads a file's whole tree into the draft.
void read_document(Draft& draft, const std::string& file_name, const Table& document);

// Reads one setting outside of namespaces by its id, as "server.threads": a flag's way in.
void read_setting(Draft& draft, std::string_view id, const Source& source, const Value& value);

}  // namespace crier::config
