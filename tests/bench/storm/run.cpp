#include "tests/bench/storm/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "tests/bench/load/text.hpp"
#include "tests/bench/storm/publisher.hpp"
#include "tests/bench/storm/subscriber.hpp"

namespace crier::storm {

namespace {

constexpr std::int64_t first_delay_ns = 50 * bench::millisecond_ns;
constexpr unsigned doublings_max = 5;
constexpr int close_restart = 1012;
constexpr int switching_protocols = 101;
constexpr int complaints_max = 20;

}  // namespace

void Curve::add(std::int64_t now) {
  if (now < origin_) return;
  const auto step = static_cast<std::size_t>((now - origin_) / step_ns);
  if (step >= counts_.size()) counts_.resize(step + 1);
  ++counts_[step];
}

Run::Run(const Options& given)
    : options(given),
      endpoint(given.host, static_cast<std::uint16_t>(given.port), given.tls),
      random(given.seed),
      id(bench::formatted("%x%llx", static_cast<unsigned>(::getpid()),
                          static_cast<unsigned long long>(bench::now_ns() / bench::millisecond_ns))) {
  const auto count = static_cast<std::uint32_t>(std::max(1, options.channels));
  for (std::uint32_t i = 0; i < count; ++i) channels.push_back({bench::formatted("storm.%s.%u", id.c_str(), i), 0, 0});
  const auto comers = static_cast<std::uint32_t>(options.connections);
  const auto all = comers + static_cast<std::uint32_t>(options.stayers);
  for (std::uint32_t i = 0; i < all; ++i) {
    subscribers.push_back(std::make_unique<Subscriber>(*this, i, i % count, i >= comers));
    ++channels[i % count].subscribers;
  }
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(options.publishers); ++i) {
    publishers.push_back(std::make_unique<Publisher>(*this, i));
  }
}

Run::~Run() = default;

// At once after a restart that was announced (the broker has spread its clients already); otherwise full jitter up to
// a limit that doubles with each failure, or what the broker asks for.
std::int64_t Run::reconnect_delay(const End& end, unsigned failures) {
  if (end.close_code == close_restart) return 0;
  if (end.retry_after_s > 0) return end.retry_after_s * bench::second_ns;
  return jitter(first_delay_ns << std::min(failures, doublings_max));
}

void Run::count_end(const End& end) {
  if (end.close_code == close_restart) {
    ++counters.closed_1012;
  } else if (end.http_status == switching_protocols) {
    ++counters.closed_otherwise;
    complain(bench::formatted("disconnected, close code %d, error %d", end.close_code, end.error));
  } else if (end.error == ECONNREFUSED) {
    ++counters.connects_refused;
  } else if (end.http_status != 0) {
    ++counters.upgrades_refused;
  } else {
    ++counters.connects_failed;
    complain(bench::formatted("not connected, error %d", end.error));
  }
}

void Run::count_open(const Connection& connection) {
  ++counters.connects;
  if (connection.tls_resumed()) ++counters.tls_resumed;
  connects.add(loop.now());
}

void Run::count_latency(std::int64_t due, bool to_stayer) {
  if (due < measured_from) return;
  const std::int64_t taken = loop.now() - due;
  delay.add(taken);
  if (!to_stayer) return;
  (due < dropped_at ? latency.before : due < recovered_at ? latency.during : latency.after).add(taken);
}

void Run::complain(const std::string& what) {
  if (++complaints > complaints_max) return;
  std::fprintf(stderr, "crier_bench_storm: %s\n", bench::printable(what, 300).c_str());
}

}  // namespace crier::storm
