#include "broker/runtime/log_site.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace crier::runtime {

namespace {

constexpr std::int64_t calm_ms = 1000;
constexpr std::int64_t told_every_ms = 60'000;

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

bool LogSite::admits() {
  return log_enabled(level_) && take(steady_ms());
}

bool LogSite::take(std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  if (pace_.take(log_site_lines_per_second, now_ms)) return true;
  if (untold_++ == 0) told_at_ms_ = now_ms;
  kept_back_at_ms_ = now_ms;
  suppressed_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

std::optional<std::uint64_t> LogSite::untold(std::int64_t now_ms, bool at_once) {
  const std::lock_guard lock(mutex_);
  const bool due = at_once || now_ms - kept_back_at_ms_ >= calm_ms || now_ms - told_at_ms_ >= told_every_ms;
  if (untold_ == 0 || !due) return std::nullopt;
  return std::exchange(untold_, 0);
}

LogSites& log_sites() noexcept {
  static LogSites sites;
  return sites;
}

void tell_suppressed(bool at_once) {
  const std::int64_t now_ms = steady_ms();
  for (LogSite* const site : log_sites().all()) {
    if (const auto lines = site->untold(now_ms, at_once)) {
      log(site->level(), "more of these were not logged",
          {{"lines", std::to_string(*lines)}, {"of", std::string(site->event())}});
    }
  }
}

}  // namespace crier::runtime
