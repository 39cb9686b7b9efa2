// A subscriber of one channel, which keeps its position and comes back with it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/bench/load/sequences.hpp"
#include "tests/bench/storm/connection.hpp"

namespace crier::storm {

struct Run;

class Subscriber final : private Connection::Owner {
 public:
  Subscriber(Run& run, std::uint32_t number, std::uint32_t channel, bool stays);

  void connect();
  // Its connection is gone, as when a load balancer dies: no close frame, no FIN. It connects again after so long.
  void drop(std::int64_t return_after_ns);

  [[nodiscard]] bool is_live() const { return state_ == State::live; }
  // Messages that never came, once the run has settled.
  [[nodiscard]] std::uint64_t missing() const;

 private:
  enum class State : std::uint8_t { away, connecting, subscribing, replaying, live };

  void on_open() override;
  void on_text(std::string_view text) override;
  void on_end(const End& end) override;

  void subscribe();
  void on_message(std::string_view text);
  void on_subscribed(std::string_view text);
  void on_error(std::string_view text);
  void leave();
  void become_live();
  void reconnect_after(std::int64_t ns);

  Run& run_;
  const std::uint32_t number_;
  const std::uint32_t channel_;
  const bool stays_;
  State state_ = State::away;
  unsigned failures_ = 0;
  std::int64_t replay_left_ = 0;
  std::int64_t away_since_ = 0;  // 0: it was never live
  std::int64_t connecting_since_ = 0;
  std::string position_;
  bench::Sequences sequences_;
  Ticket ticket_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace crier::storm
