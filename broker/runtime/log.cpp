#include "broker/runtime/log.hpp"

#include <fcntl.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>
#include <mutex>

#include "broker/runtime/log_site.hpp"
#include "broker/runtime/log_text.hpp"
#include "broker/runtime/log_writer.hpp"

namespace crier::runtime {

namespace {

constexpr const char* logger_name = "crier";

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

std::unique_ptr<spdlog::formatter> make_formatter() {
  return std::make_unique<spdlog::pattern_formatter>(
      json_lines ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})" : "%Y-%m-%d %H:%M:%S.%e %-5l %v",
      spdlog::pattern_time_type::local, "\n");
}

std::string text_of(std::string_view event, std::initializer_list<LogField> fields) {
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
  return line;
}

// spdlog puts time and level before a line; where it goes then is ours.
class QueueSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit QueueSink(LogWriter& writer) : writer_(writer) { formatter_ = make_formatter(); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t formatted;
    formatter_->format(message, formatted);
    writer_.push(std::string(formatted.data(), formatted.size()));
  }
  void flush_() override {}
  LogWriter& writer_;
};

std::string missing_notice(std::uint64_t lines) {
  const std::string text = text_of("log lines were discarded: whoever reads the log is too slow, or its disk is full",
                                   {{"lines", std::to_string(lines)}});
  spdlog::memory_buf_t formatted;
  make_formatter()->format({logger_name, spdlog::level::warn, spdlog::string_view_t(text)}, formatted);
  return std::string(formatted.data(), formatted.size());
}

// Outlives everything that logs, whatever the order in which statics end.
std::unique_ptr<LogWriter>& writer() {
  static auto* const kept = new std::unique_ptr<LogWriter>;  // NOLINT(cppcoreguidelines-owning-memory)
  return *kept;
}

}  // namespace

void secure_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1) continue;
    static_cast<void>(::open("/dev/null", O_RDWR));  // gets the lowest free number, which is this one
  }
}

void start_log(LogLevel level, bool json, int descriptor) {
  json_lines = json;
  auto started = std::make_unique<LogWriter>(
      descriptor, log_queue_bytes_max, LogWriter::Hooks{missing_notice, [] { tell_suppressed(/*at_once=*/false); }});
  auto logger = std::make_shared<spdlog::logger>(logger_name, std::make_shared<QueueSink>(*started));
  logger->set_level(level_of(level));
  spdlog::set_default_logger(std::move(logger));
  writer() = std::move(started);
}

void finish_log(std::chrono::milliseconds patience) {
  if (!writer()) return;
  tell_suppressed(/*at_once=*/true);
  static_cast<void>(writer()->finish(patience));
}

void say(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  if (writer()) writer()->push(std::move(whole));
}

std::uint64_t log_lines_discarded() noexcept {
  return writer() ? writer()->discarded() : 0;
}

void set_log_level(LogLevel level) {
  spdlog::default_logger_raw()->set_level(level_of(level));
}

bool log_enabled(LogLevel level) {
  return spdlog::default_logger_raw()->should_log(level_of(level));
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  const std::string line = text_of(event, fields);
  spdlog::default_logger_raw()->log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace crier::runtime
