#include "clients/cli/progress.hpp"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "clients/cli/text.hpp"

namespace crier::cli {

namespace {

constexpr std::chrono::milliseconds interval{500};
constexpr const char* take_away = "\r\x1b[K";

}  // namespace

Progress::Progress(asio::io_context& context, const config::Usage& usage, std::function<std::string()> text)
    : timer_(context), usage_(usage), text_(std::move(text)) {}

void Progress::start() {
  since_ = std::chrono::steady_clock::now();
  if (::isatty(STDERR_FILENO) == 1) wait();
}

void Progress::clear() {
  if (std::exchange(shown_, false)) std::fputs(take_away, stderr);
}

std::string Progress::rate_text(std::uint64_t done) const {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
  return seconds > 0 ? ", " + short_number(static_cast<double>(done) / seconds) + "/s" : "";
}

void Progress::wait() {
  timer_.expires_after(interval);
  timer_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    std::fprintf(stderr, "%s%s: %s", take_away, std::string(usage_.command).c_str(), text_().c_str());
    shown_ = true;
    wait();
  });
}

}  // namespace crier::cli
