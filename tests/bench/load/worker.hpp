// A client thread: its connections' event loop, and its publishers.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/load/clock.hpp"
#include "tests/bench/load/connection.hpp"
#include "tests/bench/load/histogram.hpp"
#include "tests/bench/load/plan.hpp"
#include "tests/bench/load/random.hpp"

namespace crier::bench {

// What a worker counts; the first three inside the measured window only.
struct Statistics {
  std::uint64_t deliveries = 0;
  std::uint64_t reads = 0;  // of subscribers
  std::uint64_t published = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t misordered = 0;
  std::uint64_t misrouted = 0;
  std::uint64_t corrupt = 0;
  std::uint64_t stalls = 0;
  std::uint64_t http_errors = 0;
  std::uint64_t disconnected = 0;
  Histogram latency;

  void add(const Statistics& other);
};

struct Publisher {
  std::uint32_t number = 0;
  Worker* worker = nullptr;
  std::vector<Connection*> connections;  // one, or one for each channel when the path names it
  std::vector<std::uint32_t> next_seq;   // of each channel
  std::atomic<int> in_flight{0};
  std::atomic<std::int64_t> last_progress{0};
  std::int64_t next_due = never_ns;
  std::string payload;
  Random random{1};
};

class Worker {
 public:
  Worker(Run& run, int number, std::uint64_t seed);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Before start(): what this thread will own.
  void add(Connection& connection);
  void add(Publisher& publisher) { publishers_.push_back(&publisher); }

  void start();
  // Ends the loop's wait; from any thread.
  void wake();
  void join();

  // For the connections, on this thread.
  [[nodiscard]] int epoll() const { return epoll_; }
  [[nodiscard]] std::vector<char>& read_buffer() { return read_buffer_; }
  [[nodiscard]] std::vector<char>& inflate_buffer() { return inflate_buffer_; }
  [[nodiscard]] std::uint32_t next_mask() { return random_.next32(); }
  void handshake_ended() { --handshakes_; }
  void on_read() { now_ = now_ns(); }
  [[nodiscard]] std::int64_t now() const { return now_; }
  // Something that a publisher waited for has happened: look at the publishers before the next wait.
  void publishers_may_go_on() { completed_ = true; }
  void count_delivery() { deliveries_ever_.store(deliveries() + 1, std::memory_order_relaxed); }
  void count_slow_delivery() { slow_deliveries_ever_.fetch_add(1, std::memory_order_relaxed); }
  Statistics& statistics() { return statistics_; }

  // For the thread that measures: first-time deliveries so far, warm-up included.
  [[nodiscard]] std::uint64_t deliveries() const { return deliveries_ever_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t slow_deliveries() const { return slow_deliveries_ever_.load(); }

 private:
  void loop();
  void pin() const;
  void open_more();
  [[nodiscard]] int handshakes_max() const;
  [[nodiscard]] std::int64_t earliest_due() const;
  [[nodiscard]] std::int64_t wait_ns(Mode mode, std::int64_t due) const;
  void on_woken();
  void pump();
  bool publish(Publisher& publisher, std::int64_t time);
  void give_up_stalled();

  Run& run_;
  const int number_;
  int epoll_ = -1;
  int wake_fd_ = -1;
  std::atomic<bool> wake_pending_{false};
  std::thread thread_;

  std::vector<Connection*> to_open_;
  std::size_t opened_ = 0;
  int handshakes_ = 0;  // under way
  std::vector<Publisher*> publishers_;
  std::vector<Connection*> slow_;
  std::vector<Connection*> unflushed_;  // publishers' connections with something new to send
  std::vector<char> read_buffer_ = std::vector<char>(256 * 1024);
  std::vector<char> inflate_buffer_ = std::vector<char>(64 * 1024);
  std::string scratch_;
  Random random_;
  Statistics statistics_;
  std::atomic<std::uint64_t> deliveries_ever_{0};  // to healthy subscribers
  std::atomic<std::uint64_t> slow_deliveries_ever_{0};
  std::int64_t now_ = 0;  // time of the last read
  bool completed_ = false;
};

}  // namespace crier::bench
