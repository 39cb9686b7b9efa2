// How errors speak of what was found: short, printable, whatever the peer sent.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace crier::command {

// A refusal must not send a peer's megabyte back, nor put it into a log line.
inline constexpr std::size_t quote_bytes_max = 32;

// "'x'", "a space", "a control character (0x0A)" or "a non-ASCII character".
[[nodiscard]] std::string describe_byte(char byte);

// 'text' in single quotes, cut after about 32 bytes at the end of a character; controls (C0, DEL, C1) are
// written as \u00XX. `text` is UTF-8.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace crier::command
