// Text on its way into a JSON string.
#pragma once

#include <string>
#include <string_view>

namespace crier::command {

// Appends what stands between the quotes: `text` with quotes, backslashes and control characters escaped. It is
// UTF-8. At most six bytes for one ("\u0001").
void append_escaped(std::string& out, std::string_view text);

}  // namespace crier::command
