// Log lines: one for each event on which an operator acts. Text or JSON, to stderr.
// Any thread may log, and never waits for whoever reads the log (log_writer.hpp). What clients can bring about is
// logged through a place of log_site.hpp, which bounds it. spdlog stays behind this header.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace crier::runtime {

enum class LogLevel : unsigned char { debug, info, warn, error };

// What may wait for a log that is not read, or read slowly.
inline constexpr std::size_t log_queue_bytes_max = std::size_t{1} << 20;

// Opens /dev/null in the place of every standard descriptor that is closed, before a socket gets its number and the log
// goes to a client. First of all.
void secure_standard_descriptors();

// Once, before any thread runs. Lines go to `descriptor`, which stays the caller's.
void start_log(LogLevel level, bool json, int descriptor = 2);
// Writes what is queued, for that long at most; from then on lines are discarded. For the end of the process, which a
// log that nobody reads must not put off.
void finish_log(std::chrono::milliseconds patience = std::chrono::seconds{1});
// A line of our own as it is, for faults at the start: they read the same whatever the format of the log is.
void say(std::string_view line);
// Lines that the queue had no room for, or that could not be written. Any thread.
[[nodiscard]] std::uint64_t log_lines_discarded() noexcept;

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
