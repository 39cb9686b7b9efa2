#include "broker/runtime/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "broker/runtime/log_text.hpp"

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
    append_quoted(line, event, log_event_bytes_max);
  } else {
    append_plain(line, event);
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
