// Log lines: one for each event on which an operator acts. Text or JSON, to stderr.
// Any thread may log; spdlog stays behind this header.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace crier::runtime {

enum class LogLevel : unsigned char { debug, info, warn, error };

// Once, before any thread runs.
void start_log(LogLevel level, bool json);

// Any thread, at any time.
void set_log_level(LogLevel level);

struct LogField {
  std::string_view name;
  std::string value;
};

// Whether lines of that level are written at all: ask before making fields that cost something.
[[nodiscard]] bool log_enabled(LogLevel level);

// `event` is a sentence or word of our own; what varies stands in fields. Both are escaped and bounded (log_text.hpp),
// so that nothing a peer sends can break a line or forge another. Never a token, a key or a message's data.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace crier::runtime
