// What a log line may hold of what others send: pure functions over text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace crier::runtime {

// A field's value longer than that is cut, and ends in "…"; the event's text likewise.
inline constexpr std::size_t log_field_bytes_max = 1024;
inline constexpr std::size_t log_event_bytes_max = 4096;

// In double quotes, as a JSON string whose text is UTF-8: quotes, backslashes and everything that could break or forge
// a line, or make a terminal or an editor show something else than what is there, is escaped as \uXXXX: controls of
// both sets, line and paragraph separators, marks that turn the direction of writing, and what takes no room. Bytes
// that are no UTF-8 become U+FFFD, escaped.
void append_quoted(std::string& line, std::string_view text, std::size_t bytes_max = log_field_bytes_max);

// The same without quotes around, and with quotes and backslashes as they are: for text of our own.
void append_plain(std::string& line, std::string_view text, std::size_t bytes_max = log_event_bytes_max);

}  // namespace crier::runtime
