// One publisher: what it sends when, and what is on its way. Its connection only carries it.
//
// Thread: its worker's, but for in_flight().
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "clients/cli/bench/clock.hpp"
#include "clients/cli/bench/in_flight.hpp"
#include "clients/cli/bench/payload.hpp"
#include "clients/cli/bench/random.hpp"

namespace crier::cli::benchmark {

class Connection;
class Run;
class Worker;
struct Notice;

class Publisher {
 public:
  Publisher(Run& run, Worker& worker, std::uint32_t number, std::uint64_t seed);

  void use(Connection& connection) { connection_ = &connection; }
  // Its connection lasted, so that the broker has heard all that it published. Once its thread has ended.
  [[nodiscard]] bool stayed() const;
  [[nodiscard]] Worker& worker() const { return worker_; }
  [[nodiscard]] InFlight& in_flight() { return in_flight_; }
  [[nodiscard]] const std::vector<std::uint32_t>& published() const { return next_sequence_; }  // on each channel

  // The first message is due then, with a rate.
  void start(std::int64_t time) { next_due_ = time; }
  // Has it published everything that was due in the measured window? Any thread. Also when it no longer can.
  [[nodiscard]] bool done() const { return done_.load(std::memory_order_relaxed); }
  // How many it has not, once its thread has ended.
  [[nodiscard]] std::uint64_t unsent() const;
  // When the next message is due, for one that can send it; never_ns in a closed loop.
  [[nodiscard]] std::int64_t next_due() const;
  // Publishes what it may now.
  void pump();
  // A message has reached everybody: its slot is free.
  void finished(std::uint32_t slot) { free_slots_.push_back(slot); }
  // Frees the slots of messages that nobody has finished for too long: a broker that loses some shows in the losses,
  // and the run goes on.
  void give_up_stalled(std::int64_t time);

  // The broker has accepted a publish.
  void acknowledged(std::uint64_t id, std::int64_t time);
  // Or has not.
  void refused(const Notice& notice);

 private:
  // With --acks.
  struct Pending {
    std::uint64_t id = 0;
    std::int64_t due = 0;
    MessageTag tag = 0;
    std::uint32_t slot = 0;
    std::uint32_t channel = 0;
    bool waits = false;
  };

  [[nodiscard]] bool can_publish() const;
  bool publish(std::int64_t due);
  [[nodiscard]] std::uint32_t take_slot(std::uint32_t channel, std::uint32_t sequence, std::int64_t time);
  void settle(Pending& pending);
  [[nodiscard]] Pending& pending_of(std::uint64_t id) { return pending_[id % pending_.size()]; }

  Run& run_;
  Worker& worker_;
  const std::uint32_t number_;
  Connection* connection_ = nullptr;
  Random random_;
  Payloads payloads_;
  std::string command_;  // the one that is being made
  std::vector<std::uint32_t> next_sequence_;
  std::int64_t interval_ns_ = 0;
  std::int64_t next_due_ = never_ns;
  std::atomic<bool> done_{false};
  InFlight in_flight_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<std::int64_t> taken_at_;  // of each slot
  std::vector<Pending> pending_;        // by id, in a ring
  std::uint64_t next_id_ = 0;
};

}  // namespace crier::cli::benchmark
