// A place in the code that logs what clients can bring about, so that a stranger could fill the log from there: it
// writes so many lines in a second and no more, and says afterwards how many it has kept to itself.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string_view>

#include "broker/runtime/log.hpp"
#include "broker/runtime/pace.hpp"

namespace crier::runtime {

inline constexpr std::size_t log_site_lines_per_second = 10;  // and twice as many at once

// Any thread.
class LogSite {
 public:
  // `name`: its label in metrics. Both of static storage.
  constexpr LogSite(std::string_view name, LogLevel level, std::string_view event) noexcept
      : name_(name), event_(event), level_(level) {}
  LogSite(const LogSite&) = delete;
  LogSite& operator=(const LogSite&) = delete;

  // Is a line of this place to be written now? Ask once for each, before making fields that cost something: a line too
  // many is counted here.
  [[nodiscard]] bool admits();
  // What `admits` let through.
  void write(std::initializer_list<LogField> fields) const { runtime::log(level_, event_, fields); }
  void log(std::initializer_list<LogField> fields) {
    if (admits()) write(fields);
  }

  // The same with the time as an argument, in milliseconds of a steady clock.
  [[nodiscard]] bool take(std::int64_t now_ms);
  // How many lines were kept back since the last time it answered: once none was for a second, and once a minute while
  // it goes on. `at_once`: now.
  [[nodiscard]] std::optional<std::uint64_t> untold(std::int64_t now_ms, bool at_once = false);

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] std::string_view event() const noexcept { return event_; }
  [[nodiscard]] LogLevel level() const noexcept { return level_; }
  // Lines that were kept back, in all.
  [[nodiscard]] std::uint64_t suppressed() const noexcept { return suppressed_.load(std::memory_order_relaxed); }

 private:
  std::string_view name_;
  std::string_view event_;
  LogLevel level_;
  std::atomic<std::uint64_t> suppressed_{0};
  std::mutex mutex_;
  Pace pace_;
  std::uint64_t untold_ = 0;
  std::int64_t kept_back_at_ms_ = 0;
  std::int64_t told_at_ms_ = 0;
};

// All of them: a metric has a label for each from the start.
struct LogSites {
  LogSite request_refused{"request_refused", LogLevel::info, "request refused"};
  LogSite proxy_header_refused{"proxy_header_refused", LogLevel::info, "PROXY header refused"};
  LogSite tls_failed{"tls_failed", LogLevel::info, "TLS handshake failed"};
  LogSite credential_refused{"credential_refused", LogLevel::info, "credential refused"};
  LogSite turned_away{"turned_away", LogLevel::warn, "connection turned away"};
  LogSite opened{"opened", LogLevel::debug, "session opened"};
  LogSite closed{"closed", LogLevel::debug, "connection closed"};
  LogSite closed_for_cause{"closed_for_cause", LogLevel::info, "connection closed for cause"};
  LogSite cut{"cut", LogLevel::warn, "connection cut"};
  LogSite outbox_total{"outbox_total", LogLevel::warn,
                       "limits.outbox_total_bytes_max is reached: who holds most is cut"};

  [[nodiscard]] std::array<LogSite*, 10> all() noexcept {
    return {&request_refused, &proxy_header_refused, &tls_failed, &credential_refused, &turned_away, &opened,
            &closed,          &closed_for_cause,     &cut,        &outbox_total};
  }
};
[[nodiscard]] LogSites& log_sites() noexcept;

// Logs for each place how many lines it has kept back, where that is due. `at_once`: for all of them.
void tell_suppressed(bool at_once);

}  // namespace crier::runtime
