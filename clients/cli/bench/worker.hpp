// A client thread: the loop of its connections, and its publishers.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "clients/cli/bench/clock.hpp"
#include "clients/cli/bench/counter.hpp"
#include "clients/cli/bench/histogram.hpp"
#include "clients/cli/bench/in_flight.hpp"
#include "clients/cli/bench/payload.hpp"
#include "clients/cli/bench/random.hpp"

namespace crier::cli::benchmark {

class Connection;
class Publisher;
class Run;

// What a worker counts; anybody may look.
struct Statistics {
  // Inside the measured window only.
  Counter deliveries;
  Counter published;
  Counter reads;      // of subscribers
  Counter behind_ns;  // how late the latest publish went out, with a rate: this client's fault
  Histogram latency;  // of messages that were due inside
  Histogram ack_latency;
  // From the beginning.
  Counter deliveries_ever;  // the first time that somebody got a message
  Counter duplicates;
  Counter misordered;
  Counter misrouted;
  Counter corrupt;
  Counter stalls;
  Counter refused;             // publishes
  Counter refused_deliveries;  // that would have come of them
  Counter gaps;                // that the broker told of
  Counter lost_in_gaps;
  Counter drains;
};

class Worker {
 public:
  Worker(Run& run, std::uint32_t number);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Before start(): what this thread will own.
  void add(std::unique_ptr<Connection> connection) { connections_.push_back(std::move(connection)); }
  void add(Publisher& publisher) { publishers_.push_back(&publisher); }
  void start();
  // From any thread: ends the loop's wait; says that a message has reached everybody.
  void wake();
  void finished_elsewhere(Publisher& publisher, std::uint32_t slot);
  void join();
  // Once the thread has ended.
  [[nodiscard]] const std::vector<std::unique_ptr<Connection>>& connections() const { return connections_; }

  [[nodiscard]] Statistics& statistics() { return *statistics_; }
  [[nodiscard]] const Statistics& statistics() const { return *statistics_; }

  // What follows is for its connections and publishers, on its thread.
  [[nodiscard]] int epoll() const { return epoll_; }
  [[nodiscard]] std::span<char> read_buffer() { return read_buffer_; }
  [[nodiscard]] Random& random() { return random_; }
  // The time of the last read: one look at the clock for all that a read brings.
  [[nodiscard]] std::int64_t now() const { return now_; }
  [[nodiscard]] std::size_t data_bytes_of(std::uint32_t sequence) const { return payloads_.bytes_of(sequence); }
  void on_read(bool counts);
  void read_again(Connection& connection) { to_read_again_.push_back(&connection); }
  void handshake_ended(bool well);
  void listens(std::uint32_t channel);
  void listens_no_more(std::uint32_t channel);
  void count_down(const Marker& marker);
  // Sent when all publishers have had their turn.
  void send_later(Connection& connection, std::string_view command);
  // Something that a publisher waited for has happened: look at the publishers before the next wait.
  void publishers_may_go_on() { look_at_publishers_ = true; }

 private:
  void loop();
  void open_more();
  void look_around(std::int64_t time);
  void on_woken();
  void pump();
  [[nodiscard]] std::uint32_t handshakes_max() const;
  [[nodiscard]] std::int64_t next_open(std::int64_t time) const;
  [[nodiscard]] std::int64_t next_due() const;
  [[nodiscard]] timespec wait_until(std::int64_t time) const;
  void take_events(std::span<epoll_event> events, std::int64_t due);

  Run& run_;
  const std::uint32_t number_;
  int epoll_ = -1;
  int wake_fd_ = -1;
  std::thread thread_;
  std::atomic<bool> woken_{false};
  std::mutex finished_mutex_;
  std::vector<std::pair<Publisher*, std::uint32_t>> finished_;  // told by other threads

  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t opened_ = 0;
  std::uint32_t handshakes_ = 0;  // under way
  std::int64_t opening_since_ = 0;
  std::deque<std::pair<std::int64_t, Connection*>> deadlines_;  // of those under way, in order
  std::vector<Publisher*> publishers_;
  std::vector<Connection*> unflushed_;
  std::vector<Connection*> to_read_again_;
  std::vector<std::uint32_t> listening_;  // of this thread, to each channel
  std::vector<Countdown> countdowns_;     // for each publisher's slots
  std::uint64_t deliveries_to_come_ = 0;  // what is left of them
  std::vector<char> read_buffer_;
  Payloads payloads_;
  Random random_;
  const bool lingers_;
  std::unique_ptr<Statistics> statistics_;
  std::int64_t now_ = 0;
  bool look_at_publishers_ = false;
};

}  // namespace crier::cli::benchmark
