#include "clients/cli/bench/measurement.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>

#include "clients/cli/bench/connection.hpp"
#include "clients/cli/bench/live_line.hpp"
#include "clients/cli/bench/publisher.hpp"
#include "clients/cli/bench/text.hpp"
#include "clients/cli/bench/worker.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cli/signals.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr std::int64_t look_every_ns = 20 * millisecond_ns;
constexpr std::int64_t quiet_ns = 2 * second_ns;
constexpr std::int64_t interrupted_drain_ns = second_ns / 2;

double seconds(std::int64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

double own_cpu_s() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

std::uint64_t deliveries_ever(const Run& run) {
  std::uint64_t count = 0;
  for (const auto& worker : run.workers) count += worker->statistics().deliveries_ever.value();
  return count;
}

// The main thread's waits: each ends with the time, or with a signal that asks for the end.
class Patience {
 public:
  // The signals are blocked in this thread and in those that it makes from now on.
  Patience() {
    sigemptyset(&ends_);
    if (!is_ignored(SIGINT)) sigaddset(&ends_, SIGINT);
    sigaddset(&ends_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &ends_, nullptr);
  }

  // Which signal came; 0: none did.
  [[nodiscard]] int interrupted() const { return signal_; }
  void forget() { signal_ = 0; }
  void wait(std::int64_t until) {
    const std::int64_t left = std::max<std::int64_t>(0, until - now_ns());
    const timespec timeout{left / second_ns, left % second_ns};
    if (const int signal = ::sigtimedwait(&ends_, nullptr, &timeout); signal > 0) signal_ = signal;
  }

 private:
  sigset_t ends_{};
  int signal_ = 0;
};

class Course {
 public:
  explicit Course(Run& run) : run_(run), line_(run) {}

  [[nodiscard]] Measurement follow() {
    connect();
    if (found_.connected) {
      publish();
      drain();
    }
    line_.clear();
    found_.subscribers_gone = run_.subscribers_gone.load();
    found_.publishers_gone = run_.publishers_gone.load();
    run_.stop_workers();
    count_losses();
    found_.totals = totals_of(run_);
    return found_;
  }

 private:
  void connect() {
    const std::int64_t began = now_ns();
    run_.start_workers();
    while (run_.ready.load() < run_.options.connections() && run_.failed.load() == 0 && patience_.interrupted() == 0) {
      patience_.wait(now_ns() + look_every_ns / 10);
      line_.connecting(now_ns() - began);
    }
    found_.connect_s = seconds(now_ns() - began);
    found_.ready = run_.ready.load();
    found_.interrupted = patience_.interrupted();
    found_.connected = found_.ready == run_.options.connections();
  }

  [[nodiscard]] bool subscribers_gone() const {
    const Options& options = run_.options;
    return options.subscribers > 0 && run_.subscribers_gone.load() == options.subscribers;
  }

  // One side is gone, or going on makes no sense for another reason.
  [[nodiscard]] bool over() const {
    return run_.over.load() || subscribers_gone() || run_.publishers_gone.load() == run_.options.publishers;
  }

  void wait_until(std::int64_t end) {
    while (now_ns() < end && patience_.interrupted() == 0 && !over()) {
      patience_.wait(std::min(end, now_ns() + look_every_ns));
      line_.running();
    }
  }

  void publish() {
    const Options& options = run_.options;
    const std::int64_t begin = now_ns() + 10 * millisecond_ns;
    const double interval = options.closed_loop() ? 0 : 1e9 / options.rate;
    for (std::size_t i = 0; i < run_.publishers.size(); ++i) {
      run_.publishers[i]->start(begin + static_cast<std::int64_t>(static_cast<double>(i) * interval));
    }
    const std::int64_t start = begin + ns_of(options.warm_up);
    const std::int64_t end = start + ns_of(options.duration);
    run_.window_end.store(end);
    run_.window_start.store(start);
    run_.publishing.store(true);
    run_.wake_workers();
    line_.begin(start, end);
    wait_until(start);
    const double cpu_before = own_cpu_s();
    wait_until(end);
    found_.client_cpu_s = own_cpu_s() - cpu_before;
    const std::int64_t ended = std::min(end, now_ns());
    run_.window_end.store(ended);
    if (run_.options.closed_loop() || run_.over.load()) run_.publishing.store(false);
    found_.window_s = std::max(0.0, seconds(ended - start));
    found_.interrupted = patience_.interrupted();
  }

  void drain() {
    const std::int64_t time_max = found_.interrupted != 0 ? interrupted_drain_ns : ns_of(run_.options.drain);
    patience_.forget();
    const std::int64_t deadline = now_ns() + time_max;
    std::int64_t progress = now_ns();
    std::uint64_t seen = deliveries_ever(run_);
    while (!complete(seen) && now_ns() < deadline && now_ns() - progress < quiet_ns) {
      if (patience_.interrupted() != 0 || subscribers_gone()) break;
      patience_.wait(now_ns() + look_every_ns / 2);
      line_.draining();
      if (const std::uint64_t now = deliveries_ever(run_); now != seen) {
        seen = now;
        progress = now_ns();
      }
    }
    if (patience_.interrupted() != 0) found_.interrupted = patience_.interrupted();
    found_.drain = complete(seen) ? "complete" : now_ns() >= deadline ? "timeout" : "quiet";
  }

  // With a rate, publishers that were late catch up first.
  [[nodiscard]] bool complete(std::uint64_t seen) const {
    const auto done = [](const auto& publisher) { return publisher->done(); };
    const bool publishing = run_.publishing.load() && !std::ranges::all_of(run_.publishers, done);
    return !publishing && seen >= run_.expected.load();
  }

  // Once no thread runs: what did who not get?
  void count_losses() {
    if (!found_.connected) return;
    std::uint64_t refused = 0;  // nobody was to get those
    for (const auto& worker : run_.workers) {
      for (const auto& connection : worker->connections()) {
        if (connection->subscribes()) count_losses_of(*connection);
      }
      refused += worker->statistics().refused_deliveries.value();
    }
    found_.lost -= std::min(found_.lost, refused);
    for (const auto& publisher : run_.publishers) found_.unsent += publisher->unsent();
    if (found_.unsent > 0 && found_.interrupted == 0) {
      run_.failures.add({exit_failed, counted(found_.unsent, "message") +
                                          " that were due never went out: the broker did not take them, or a "
                                          "publisher was gone"});
    }
  }

  void count_losses_of(const Connection& subscriber) {
    const Sequences& sequences = subscriber.sequences();
    (subscriber.stayed() ? found_.lost : found_.lost_by_gone) += sequences.missing_between();
    for (std::size_t i = 0; i < run_.publishers.size(); ++i) {
      const Publisher& publisher = *run_.publishers[i];
      const bool stayed = subscriber.stayed() && publisher.stayed();
      (stayed ? found_.lost : found_.lost_by_gone) +=
          sequences.missing_at_the_end(i, publisher.published()[subscriber.channel()]);
    }
  }

  Run& run_;
  Patience patience_;
  LiveLine line_;
  Measurement found_;
};

}  // namespace

Totals totals_of(const Run& run) {
  Totals totals;
  for (const auto& worker : run.workers) {
    const Statistics& part = worker->statistics();
    totals.deliveries += part.deliveries.value();
    totals.published += part.published.value();
    totals.reads += part.reads.value();
    totals.behind_ns = std::max(totals.behind_ns, part.behind_ns.value());
    totals.deliveries_ever += part.deliveries_ever.value();
    totals.duplicates += part.duplicates.value();
    totals.misordered += part.misordered.value();
    totals.misrouted += part.misrouted.value();
    totals.corrupt += part.corrupt.value();
    totals.stalls += part.stalls.value();
    totals.refused += part.refused.value();
    totals.refused_deliveries += part.refused_deliveries.value();
    totals.gaps += part.gaps.value();
    totals.lost_in_gaps += part.lost_in_gaps.value();
    totals.drains += part.drains.value();
    totals.latency.add(part.latency.read());
    totals.ack_latency.add(part.ack_latency.read());
  }
  return totals;
}

int Measurement::exit_code(const Failures& failures) const {
  if (interrupted != 0) return interrupted == SIGINT ? exit_interrupted : exit_terminated;
  if (failures.exit_code() != 0) return failures.exit_code();
  return lost > 0 || totals.wrong() ? exit_incomplete : exit_done;
}

Measurement measure(Run& run) {
  std::signal(SIGPIPE, SIG_IGN);
  return Course(run).follow();
}

}  // namespace crier::cli::benchmark
