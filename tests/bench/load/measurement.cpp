#include "tests/bench/load/measurement.hpp"

#include <algorithm>
#include <cstdio>

#include "tests/bench/load/clock.hpp"
#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

constexpr std::int64_t quiet_ns = 2 * second_ns;
constexpr std::int64_t idle_check_messages_max = 500;
constexpr std::int64_t idle_check_ns = 10 * second_ns;

Usage usage_now(const Run& run, bool with_pss) {
  return usage_of(process_tree(run.options.server_pids), with_pss);
}

// Tells of one connection how far it got.
void complain_of_waiting(const Run& run) {
  for (const auto& connection : run.connections) {
    const auto state = connection->state();
    if (state == Connection::State::ready || state == Connection::State::closed) continue;
    std::fprintf(stderr, "crier_bench_load: connection %u still waiting (state %d, step %zu), received: %s\n",
                 connection->number(), static_cast<int>(state), connection->steps_done(),
                 printable(connection->received(), 200).c_str());
    return;
  }
}

void drain(const Run& run, Measurement& measured) {
  const std::int64_t deadline = now_ns() + from_seconds(run.options.drain);
  std::int64_t progress = now_ns();
  std::uint64_t last = run.deliveries();
  while (now_ns() < deadline && now_ns() - progress < quiet_ns && run.deliveries() < run.expected.load()) {
    sleep_ns(second_ns / 100);
    if (const std::uint64_t now = run.deliveries(); now != last) {
      last = now;
      progress = now_ns();
    }
  }
  const bool complete = run.deliveries() >= run.expected.load();
  measured.drain = complete ? "complete" : now_ns() >= deadline ? "timeout" : "quiet";
}

// Slow subscribers read again. How much there is for them nobody knows: wait until nothing comes.
void drain_slow(Run& run) {
  run.resume_slow = true;
  run.wake_workers();
  const std::int64_t deadline = now_ns() + from_seconds(run.options.drain);
  std::int64_t progress = now_ns();
  std::uint64_t last = 0;
  while (now_ns() < deadline && now_ns() - progress < quiet_ns) {
    sleep_ns(second_ns / 20);
    if (const std::uint64_t now = run.slow_deliveries(); now != last) {
      last = now;
      progress = now_ns();
    }
  }
}

// Starts the publishers; the measured window begins after the warm-up.
void start_publishing(Run& run, std::int64_t& start, std::int64_t& end) {
  const std::int64_t interval = run.plan.rate > 0 ? static_cast<std::int64_t>(1e9 / run.plan.rate) : 0;
  const std::int64_t begin = now_ns() + second_ns / 100;
  for (const auto& publisher : run.publishers) {
    publisher->next_due = begin + publisher->number * interval;
    publisher->last_progress = begin;
  }
  run.publishing = run.plan.mode;
  run.wake_workers();
  start = begin + (run.plan.mode == Mode::quiet ? 0 : from_seconds(run.options.warmup));
  end = start + from_seconds(run.plan.duration);
  run.window_end = end;
  run.window_start = start;
}

void measure_window(Run& run, Measurement& measured) {
  std::int64_t start = 0;
  std::int64_t end = 0;
  start_publishing(run, start, end);
  const auto pids = process_tree(run.options.server_pids);
  sleep_until(start);
  measured.at_start = usage_of(pids, false);
  const double client_before = own_cpu_s();
  const MachineTime machine_before = machine_time();
  measured.rss_peak_kb = measured.at_start.rss_kb;
  while (now_ns() < end) {
    sleep_ns(std::min(second_ns / 10, end - now_ns()));
    measured.rss_peak_kb = std::max(measured.rss_peak_kb, usage_of(pids, false).rss_kb);
  }
  measured.at_end = usage_of(pids, false);
  measured.client_cpu_s = own_cpu_s() - client_before;
  const MachineTime machine_after = machine_time();
  measured.machine_busy_s = machine_after.busy_s - machine_before.busy_s;
  measured.stolen_s = machine_after.stolen_s - machine_before.stolen_s;
  run.publishing = Mode::quiet;
  drain(run, measured);
  measured.drained = usage_of(pids, true);
}

// Are idle connections really subscribed? Publishes to some of them.
void check_idle(Run& run, Measurement& measured) {
  const std::uint64_t received_before = run.deliveries();
  const std::uint64_t expected_before = run.expected;
  run.window_start = now_ns();
  run.window_end = never_ns;
  run.budget = std::min<std::int64_t>(run.ready - run.plan.publishers, idle_check_messages_max);
  for (const auto& publisher : run.publishers) publisher->last_progress = now_ns();
  run.publishing = Mode::closed;
  run.wake_workers();
  const std::int64_t deadline = now_ns() + idle_check_ns;
  while (now_ns() < deadline && (run.budget > 0 || run.deliveries() < run.expected)) sleep_ns(second_ns / 100);
  run.publishing = Mode::quiet;
  drain(run, measured);
  measured.check_sent = run.expected - expected_before;
  measured.check_received = run.deliveries() - received_before;
}

}  // namespace

bool connect_all(Run& run, Measurement& measured) {
  measured.before = usage_now(run, true);
  const int wanted = static_cast<int>(run.connections.size());
  const std::int64_t started = now_ns();
  const std::int64_t deadline = started + from_seconds(run.options.connect_timeout);
  run.start_workers();
  while (run.ready + run.failed < wanted && now_ns() < deadline) sleep_ns(second_ns / 500);
  const double seconds = static_cast<double>(now_ns() - started) / 1e9;
  measured.after_connecting = usage_now(run, false);
  measured.connected = run.ready;
  measured.connect_per_s = measured.connected / seconds;
  if (measured.connected >= wanted) return true;
  if (run.plan.mode == Mode::quiet && measured.connected > 0) return true;
  run.stop_workers();
  complain_of_waiting(run);
  return false;
}

void measure(Run& run, Measurement& measured) {
  const bool idle = run.plan.mode == Mode::quiet;
  sleep_ns(run.target.settle_ms * millisecond_ns + (idle ? second_ns : second_ns / 10));
  measured.settled = usage_now(run, true);
  measure_window(run, measured);
  if (idle) check_idle(run, measured);
  if (run.plan.slow_pct > 0) drain_slow(run);
  run.stop_workers();
}

}  // namespace crier::bench
