#include "clients/cli/bench/live_line.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "clients/cli/bench/measurement.hpp"
#include "clients/cli/bench/text.hpp"
#include "clients/cli/text.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr std::int64_t show_every_ns = second_ns / 4;

std::size_t columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

LiveLine::LiveLine(const Run& run) : run_(run), terminal_(::isatty(STDERR_FILENO) == 1) {}

bool LiveLine::due() {
  if (!terminal_) return false;
  const std::int64_t now = now_ns();
  if (now < next_) return false;
  next_ = now + show_every_ns;
  return true;
}

void LiveLine::show(const std::string& text) {
  // A line that wraps could not be taken away. \x1b[K clears what is behind it.
  const std::string line = "\r" + text.substr(0, columns() - 1) + "\x1b[K";
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  shown_ = true;
}

void LiveLine::clear() {
  if (!shown_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

void LiveLine::connecting(std::int64_t since_ns) {
  if (since_ns < show_every_ns || !due()) return;
  show("connecting: " + grouped(run_.ready.load()) + " of " + grouped(run_.options.connections()));
}

void LiveLine::begin(std::int64_t start, std::int64_t end) {
  start_ = start;
  end_ = end;
  last_time_ = now_ns();
  next_ = last_time_ + show_every_ns;
}

void LiveLine::running() {
  if (!due()) return;
  const std::int64_t now = now_ns();
  const Totals totals = totals_of(run_);
  const double elapsed_s = static_cast<double>(now - last_time_) / 1e9;
  const auto deliveries = static_cast<double>(totals.deliveries_ever - last_deliveries_);
  std::string text = now < start_ ? "warm-up " + decimal(static_cast<double>(start_ - now) / 1e9, 1) + " s"
                                  : decimal(static_cast<double>(std::min(now, end_) - start_) / 1e9, 1) + " of " +
                                        decimal(static_cast<double>(end_ - start_) / 1e9, 1) + " s";
  text += "  " + grouped(static_cast<std::uint64_t>(deliveries / elapsed_s)) + " deliveries/s";
  Latencies latency = totals.latency;
  latency.subtract(last_latency_);
  if (latency.count() > 0) {
    text += "  p50 " + time_of(latency.percentile_ns(50)) + "  p99 " + time_of(latency.percentile_ns(99));
  }
  if (totals.wrong()) text += "  NOT ALL IN ORDER";
  if (totals.gaps > 0) text += "  " + grouped(totals.gaps) + " gaps";
  const std::uint32_t gone = run_.subscribers_gone.load() + run_.publishers_gone.load();
  if (gone > 0) text += "  " + grouped(gone) + " connections lost";
  if (totals.drains > 0) text += "  the broker drains";
  show(text);
  last_time_ = now;
  last_deliveries_ = totals.deliveries_ever;
  last_latency_ = totals.latency;
}

void LiveLine::draining() {
  if (!due()) return;
  const std::uint64_t seen = totals_of(run_).deliveries_ever;
  const std::uint64_t expected = run_.expected.load();
  show("waiting for the last " + grouped(expected - std::min(expected, seen)) + " deliveries");
}

}  // namespace crier::cli::benchmark
