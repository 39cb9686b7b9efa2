// What subscribers, publishers and the phases of a run share. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/load/clock.hpp"
#include "tests/bench/load/histogram.hpp"
#include "tests/bench/load/random.hpp"
#include "tests/bench/storm/connection.hpp"
#include "tests/bench/storm/loop.hpp"
#include "tests/bench/storm/options.hpp"

namespace crier::storm {

class Publisher;
class Subscriber;

struct Channel {
  std::string name;
  std::uint32_t published = 0;  // messages that were due so far; as many are acknowledged once the run has settled
  std::uint32_t subscribers = 0;
};

// How often something happened, in steps of 100 ms since an origin.
class Curve {
 public:
  static constexpr std::int64_t step_ns = 100 * bench::millisecond_ns;

  void start(std::int64_t origin) {
    origin_ = origin;
    counts_.clear();
  }
  void add(std::int64_t now);
  [[nodiscard]] const std::vector<std::uint32_t>& counts() const { return counts_; }

 private:
  std::int64_t origin_ = bench::never_ns;
  std::vector<std::uint32_t> counts_;
};

struct Counters {
  std::uint64_t received = 0;  // messages, each counted once
  std::uint64_t replayed = 0;  // as `subscribed` announced them
  std::uint64_t twice = 0;
  std::uint64_t misordered = 0;
  std::uint64_t misrouted = 0;  // of another channel, or unreadable
  std::uint64_t gaps = 0;       // pushes
  std::uint64_t recovered = 0;  // replies to `since`
  std::uint64_t unrecovered = 0;

  std::uint64_t connects = 0;  // that led to an open WebSocket
  std::uint64_t tls_resumed = 0;
  std::uint64_t connects_refused = 0;  // by the kernel: nobody listens
  std::uint64_t connects_failed = 0;   // otherwise, before the WebSocket was open
  std::uint64_t upgrades_refused = 0;  // 503 and the like
  std::uint64_t closed_1012 = 0;
  std::uint64_t closed_otherwise = 0;  // by the server or the network
  std::uint64_t drains = 0;            // pushes
  std::uint64_t unsubscribed = 0;      // pushes
  std::uint64_t subscribes_refused = 0;

  std::uint64_t acknowledged = 0;
  std::uint64_t repeated = 0;  // publishes sent once more
  std::uint64_t publishes_refused = 0;
};

// Delivery latency to those that stay, by the time when a message was due.
struct Latency {
  bench::Histogram before, during, after;
};

struct Run {
  explicit Run(const Options& options);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // When to connect again after such an end; `failures` in a row so far.
  [[nodiscard]] std::int64_t reconnect_delay(const End& end, unsigned failures);
  [[nodiscard]] std::int64_t jitter(std::int64_t most) {
    return static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(most + 1));
  }
  // A connection ended that nobody here wanted to end.
  void count_end(const End& end);
  void count_open(const Connection& connection);
  // A message of this channel, due then, has come to a subscriber.
  void count_latency(std::int64_t due, bool to_stayer);
  // Once a line: what should not happen, for whoever looks at a failed run.
  void complain(const std::string& what);

  const Options options;
  const Endpoint endpoint;
  Loop loop;
  bench::Random random;
  std::string id;  // in names and keys: a broker may have seen other runs
  std::vector<Channel> channels;
  std::vector<std::unique_ptr<Subscriber>> subscribers;  // those that stay are the last ones
  std::vector<std::unique_ptr<Publisher>> publishers;

  Counters counters;
  std::uint32_t live = 0;             // subscribers that have caught up
  std::uint32_t publishers_open = 0;  // publishers whose connection stands
  std::uint64_t outstanding = 0;      // messages that were due and are not acknowledged
  std::int64_t measured_from = bench::never_ns;
  std::int64_t dropped_at = bench::never_ns;
  std::int64_t all_dropped_at = bench::never_ns;
  std::int64_t recovered_at = bench::never_ns;
  Latency latency;
  bench::Histogram delay;            // of every delivery, replayed ones too
  bench::Histogram away;             // from the loss of a connection to having caught up
  bench::Histogram coming_back;      // from connect() to having caught up
  bench::Histogram acknowledgement;  // from the time when a message was due
  Curve connects, recoveries;
  int complaints = 0;
};

}  // namespace crier::storm
