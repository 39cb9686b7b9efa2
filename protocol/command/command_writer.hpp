// Commands as JSON: what a client sends. The reverse of JsonCommandParser.
#pragma once

#include <string>

#include "protocol/command/command.hpp"

namespace crier::command {

// Appends one compact JSON object, `op` first. What has its default value is left out. `data` is inserted as it is:
// one valid JSON value. Other texts are UTF-8 and are escaped; whether a broker takes them is checked by parsing what
// was written (JsonCommandParser), which says why not.
void append_json(std::string& out, const Command& command);

}  // namespace crier::command
