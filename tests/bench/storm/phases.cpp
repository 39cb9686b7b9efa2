#include "tests/bench/storm/phases.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "tests/bench/storm/publisher.hpp"
#include "tests/bench/storm/subscriber.hpp"

namespace crier::storm {

namespace {

constexpr std::int64_t sample_ns = 100 * bench::millisecond_ns;
constexpr std::int64_t quiet_ns = 3 * bench::second_ns;
constexpr double recovery_s_max = 120;
constexpr std::size_t drop_slice = 200;

volatile sig_atomic_t stop_requested = 0;

struct Reading {
  std::int64_t at = bench::now_ns();
  double server = 0;
  double client = bench::own_cpu_s();
  double machine = bench::machine_time().busy_s;
};

Reading read_costs(const Run& run) {
  Reading reading;
  reading.server = bench::usage_of(bench::process_tree(run.options.server_pids), false).cpu_s();
  return reading;
}

Cost operator-(const Reading& end, const Reading& start) {
  Cost cost;
  cost.seconds = static_cast<double>(end.at - start.at) / 1e9;
  cost.server_cpu_s = end.server - start.server;
  cost.client_cpu_s = end.client - start.client;
  cost.other_cpu_s = std::max(0.0, end.machine - start.machine - cost.server_cpu_s - cost.client_cpu_s);
  return cost;
}

// Looks at the server's memory every 0.1 s, until the run ends.
void sample_memory(Run& run, Measured& measured) {
  const std::int64_t rss = bench::usage_of(bench::process_tree(run.options.server_pids), false).rss_kb;
  measured.rss_peak_kb = std::max(measured.rss_peak_kb, rss);
  run.loop.after(sample_ns, [&run, &measured] { sample_memory(run, measured); });
}

void run_for(Run& run, double seconds) {
  run.loop.run(run.loop.refresh_now() + bench::from_seconds(seconds), [] { return stop_requested != 0; });
}

void start_publishing(Run& run, Measured& measured) {
  const double interval = 1e9 * run.options.publishers / run.options.rate;
  const std::int64_t start = run.loop.refresh_now() + bench::millisecond_ns;
  std::int64_t offset = 0;
  for (const auto& publisher : run.publishers) {
    publisher->start(start + offset, static_cast<std::int64_t>(interval));
    offset += static_cast<std::int64_t>(1e9 / run.options.rate);
  }
  if (!run.options.server_pids.empty()) sample_memory(run, measured);
  std::fputs("running\n", stderr);
  run_for(run, run.options.warmup);
  measured.rss_before_kb = measured.rss_peak_kb;
  run.measured_from = run.loop.now();
}

// Nothing more is due: everything is acknowledged, everybody is there and has everything; or nothing comes any more.
void settle(Run& run, Measured& measured) {
  for (const auto& publisher : run.publishers) publisher->stop();
  std::uint64_t wanted = 0;
  for (const Channel& channel : run.channels) wanted += std::uint64_t{channel.published} * channel.subscribers;
  std::uint64_t last = 0;
  std::int64_t progress = run.loop.refresh_now();
  const auto all_there = [&run] { return run.outstanding == 0 && run.live == run.subscribers.size(); };
  run.loop.run(progress + bench::from_seconds(run.options.settle), [&] {
    if (run.counters.received != last) {
      last = run.counters.received;
      progress = run.loop.now();
    }
    return all_there() && (run.counters.received >= wanted || run.loop.now() - progress > quiet_ns);
  });
  measured.settled = all_there();
  if (measured.settled) return;
  std::fprintf(stderr, "crier_bench_storm: not settled: %llu publishes without an answer, %u of %zu subscribers live\n",
               static_cast<unsigned long long>(run.outstanding), run.live, run.subscribers.size());
}

// A slice at a time: to close thousands of sockets takes a while, in which nobody else would be looked at.
void drop_from(Run& run, std::size_t first) {
  const std::size_t end = std::min(first + drop_slice, static_cast<std::size_t>(run.options.connections));
  const std::int64_t window = bench::from_seconds(run.options.window);
  const std::int64_t already = run.loop.now() - run.dropped_at;
  for (std::size_t i = first; i < end; ++i) {
    run.subscribers[i]->drop(std::max<std::int64_t>(0, run.jitter(window) - already));
  }
  if (end == static_cast<std::size_t>(run.options.connections)) {
    run.all_dropped_at = run.loop.refresh_now();
  } else {
    run.loop.after(0, [&run, end] { drop_from(run, end); });
  }
}

void drop_all(Run& run) {
  run.dropped_at = run.loop.refresh_now();
  run.connects.start(run.dropped_at);
  run.recoveries.start(run.dropped_at);
  drop_from(run, 0);
}

}  // namespace

void catch_signals() {
  const auto stop = [](int) { stop_requested = 1; };
  ::signal(SIGTERM, stop);
  ::signal(SIGINT, stop);
  ::signal(SIGPIPE, SIG_IGN);
}

bool connect_all(Run& run, Measured& measured) {
  const std::int64_t started = run.loop.refresh_now();
  for (const auto& publisher : run.publishers) publisher->connect();
  std::size_t next = 0;
  const auto pump = [&run, &next] {
    while (next < run.subscribers.size() && next < run.live + static_cast<std::size_t>(run.options.connect_window)) {
      run.subscribers[next++]->connect();
    }
    return stop_requested != 0 || (run.live == run.subscribers.size() && run.publishers_open == run.publishers.size());
  };
  const bool done = run.loop.run(started + bench::from_seconds(run.options.connect_timeout), pump);
  measured.connect_s = static_cast<double>(run.loop.now() - started) / 1e9;
  if (done && stop_requested == 0) return true;
  std::fprintf(stderr, "crier_bench_storm: %u of %zu subscribers and %u of %zu publishers are there\n", run.live,
               run.subscribers.size(), run.publishers_open, run.publishers.size());
  return false;
}

void storm(Run& run, Measured& measured) {
  start_publishing(run, measured);
  const Reading start = read_costs(run);
  run_for(run, run.options.before);
  const Reading dropping = read_costs(run);
  drop_all(run);
  run.loop.run(run.dropped_at + bench::from_seconds(run.options.window + recovery_s_max), [&run] {
    return stop_requested != 0 || (run.all_dropped_at != bench::never_ns && run.live == run.subscribers.size());
  });
  run.recovered_at = run.loop.now();
  const Reading recovered = read_costs(run);
  run_for(run, run.options.after);
  const Reading end = read_costs(run);
  measured.before = dropping - start;
  measured.during = recovered - dropping;
  measured.after = end - recovered;
  settle(run, measured);
}

void restart(Run& run, Measured& measured) {
  start_publishing(run, measured);
  run.connects.start(run.measured_from);
  run.recoveries.start(run.measured_from);
  const Reading start = read_costs(run);
  run_for(run, run.options.duration);
  measured.during = read_costs(run) - start;
  settle(run, measured);
}

}  // namespace crier::storm
