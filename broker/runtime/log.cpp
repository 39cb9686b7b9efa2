#include "broker/runtime/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace crier::runtime {

namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  __builtin_unreachable();
}

bool json_lines = false;  // set once, before any thread runs

// Quotes and escapes, so that nothing a peer sends can break a line or forge another.
void append_quoted(std::string& line, std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  line += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      line += "\\u00";
      line += digits[byte >> 4];
      line += digits[byte & 15];
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

void start_log(LogLevel level, bool json) {
  json_lines = json;
  auto logger = std::make_shared<spdlog::logger>("crier", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(level_of(level));
  logger->flush_on(spdlog::level::debug);
  logger->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})" : "%Y-%m-%d %H:%M:%S.%e %-5l %v");
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(LogLevel level) {
  spdlog::default_logger_raw()->set_level(level_of(level));
}

bool log_enabled(LogLevel level) {
  return spdlog::default_logger_raw()->should_log(level_of(level));
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line;
  if (json_lines) {
    line += "\"event\":";
    append_quoted(line, event);
  } else {
    line += event;
  }
  for (const LogField& field : fields) {
    if (json_lines) {
      line += ',';
      append_quoted(line, field.name);
      line += ':';
    } else {
      line += ' ';
      line += field.name;
      line += '=';
    }
    append_quoted(line, field.value);
  }
  spdlog::default_logger_raw()->log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace crier::runtime
