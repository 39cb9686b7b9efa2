// What all threads of a run share: its parts, its switches, and the messages in flight.
#pragma once

#include <netinet/in.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/bench/load/connection.hpp"
#include "tests/bench/load/handshake.hpp"
#include "tests/bench/load/options.hpp"
#include "tests/bench/load/plan.hpp"
#include "tests/bench/load/target.hpp"
#include "tests/bench/load/worker.hpp"

struct ssl_ctx_st;

namespace crier::bench {

class Run {
 public:
  // Builds everything and connects nothing. Ends the process when the target is not on this machine.
  Run(const Options& given_options, const Target& given_target);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void start_workers();
  void wake_workers();
  void stop_workers();

  // A subscriber got this message for the first time; the last one makes room in the publisher's window.
  void received(Worker& worker, const Marker& marker);
  // Before a message goes out to `receivers` subscribers.
  void expect_deliveries(Publisher& publisher, std::uint32_t channel, std::uint32_t seq, std::uint32_t receivers);
  void give_up(Publisher& publisher);
  // Does a message count as in flight until it has arrived? Only then can a window be full.
  [[nodiscard]] bool has_window() const { return in_flight_ != nullptr; }

  [[nodiscard]] bool in_window(std::int64_t time) const {
    return time >= window_start.load(std::memory_order_relaxed) && time < window_end.load(std::memory_order_relaxed);
  }
  // First-time deliveries to healthy and to slow subscribers so far.
  [[nodiscard]] std::uint64_t deliveries() const;
  [[nodiscard]] std::uint64_t slow_deliveries() const;

  // Tells what went wrong with a connection; at most five times unless --verbose.
  void complain(const Connection& connection, const std::string& what);

  const Options& options;
  const Target& target;
  const Plan plan;
  sockaddr_in address{};
  ssl_ctx_st* ssl_context = nullptr;
  HandshakeKey handshake_key = HandshakeKey::make();
  std::string id;  // part of every channel's name: nothing retained from an earlier run can interfere
  std::vector<std::string> channel_names;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::unique_ptr<Publisher>> publishers;
  std::vector<std::unique_ptr<Connection>> connections;

  std::atomic<bool> stop{false};
  std::atomic<bool> resume_slow{false};
  std::atomic<Mode> publishing{Mode::quiet};
  std::atomic<std::int64_t> budget{INT64_MAX};  // messages that may still be published
  std::atomic<std::int64_t> window_start{never_ns};
  std::atomic<std::int64_t> window_end{never_ns};
  std::atomic<int> ready{0};  // connections
  std::atomic<int> failed{0};
  std::atomic<std::uint64_t> expected{0};         // deliveries due to healthy subscribers so far
  std::unique_ptr<std::atomic<int>[]> listening;  // healthy subscribers of each channel

 private:
  void build_workers();
  void build_subscribers();
  void build_publishers();
  Connection* add_connection(Worker& worker, std::uint32_t channel, Connection::Role role, bool slow);
  [[nodiscard]] Worker& worker_of(int index) const;
  std::atomic<std::uint64_t>& slot(std::uint32_t publisher, std::uint32_t channel, std::uint32_t seq);

  // A ring of `window` slots for each publisher and channel: the sequence number in the upper half, the
  // subscribers that have not received it yet in the lower.
  std::unique_ptr<std::atomic<std::uint64_t>[]> in_flight_;
  std::mutex complaint_mutex_;
  int complaints_ = 0;
};

}  // namespace crier::bench
