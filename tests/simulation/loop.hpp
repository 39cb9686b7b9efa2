// One loop of the broker without a thread or a socket: a shard, its inbox, and connections, driven as
// net::Worker and net::Connection drive them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/engine/engine.hpp"
#include "broker/hub/shard.hpp"
#include "broker/session/environment.hpp"
#include "broker/session/sse_session.hpp"
#include "broker/session/websocket_session.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/story.hpp"
#include "tests/support/chance.hpp"

namespace crier::simulation {

class Loop;

// The world's time, and what all loops share.
struct Clock {
  std::int64_t steady_ns = 0;
  [[nodiscard]] hub::Now now() const { return {steady_ns, wall_ms()}; }
  // People's time does not begin at zero.
  [[nodiscard]] std::int64_t wall_ms() const { return 1'700'000'000'000 + steady_ns / 1'000'000; }
};

// The broker's end of a connection, and the socket between the two: a pipe of bytes with a limited buffer
// towards the client, whole messages towards the broker (what cuts those is not the hub's to see).
class Connection final : public session::Host {
 public:
  Connection(Loop& loop, std::size_t client, hub::SessionId id, hub::WireForm form, std::size_t kernel_bytes);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  void start_websocket(const std::vector<std::string>& channels);
  void start_stream(std::vector<std::string> channels, std::vector<std::optional<command::Position>> resume);

  // --- the client's end
  void send(std::string message) { up_.push_back(std::move(message)); }
  // At most so many bytes of what has arrived.
  [[nodiscard]] std::string receive(std::size_t bytes_max);
  [[nodiscard]] std::size_t arrived() const noexcept { return pipe_.size() - pipe_read_; }
  // Nothing more will arrive.
  [[nodiscard]] bool ended() const noexcept { return closed_ || shut_down_; }
  // The client is gone: nothing is read any more, and nobody is told until the broker notices.
  void abandon() { abandoned_ = true; }

  // --- the scheduler's
  [[nodiscard]] bool readable() const noexcept;
  void on_readable(std::size_t messages_max);
  [[nodiscard]] bool writable() const noexcept { return writing_ && !closed_ && room() > 0; }
  void on_writable();
  void on_time(std::int64_t now_ns);
  void close();
  // Ends the session before its shard goes.
  void cut();

  // --- the loop's
  void flush();
  void overflow();
  [[nodiscard]] bool can_overflow() const noexcept { return !overflowed_ && !finishing_ && !closed_; }

  void want_flush() override;
  void pause_reading() override;
  void resume_reading() override;

  [[nodiscard]] const hub::SessionId& id() const noexcept { return id_; }
  [[nodiscard]] std::size_t client() const noexcept { return client_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] bool finishing() const noexcept { return finishing_; }
  [[nodiscard]] bool paused() const noexcept { return pauses_ > 0; }
  [[nodiscard]] bool abandoned() const noexcept { return abandoned_; }
  // Nothing is on its way in either direction.
  [[nodiscard]] bool quiet() const noexcept;
  // Was it ended without waiting for what was still to be sent?
  [[nodiscard]] bool was_reset() const noexcept { return reset_; }

 private:
  [[nodiscard]] std::size_t room() const noexcept;
  void after_flush();
  void feed_rest();
  void run(const std::string& message);
  void finish(std::int64_t patience_ns);
  void end_session();
  void check_bounds(bool kept);

  Loop& loop_;
  std::size_t client_;
  hub::SessionId id_;
  hub::WireForm form_;
  std::size_t kernel_bytes_;
  std::unique_ptr<session::WebSocketSession> websocket_;
  std::unique_ptr<session::SseSession> stream_;

  std::deque<std::string> up_;    // sent by the client, not read
  std::deque<std::string> rest_;  // read before a pause
  std::string pipe_;              // sent by the broker, not read by the client
  std::size_t pipe_read_ = 0;
  std::int64_t deadline_ns_ = 0;
  std::size_t tolerated_ = 0;  // bytes, since the outbox was found over its limit
  int pauses_ = 0;
  bool dirty_ = false;
  bool writing_ = false;  // the socket is full
  bool resumed_ = false;
  bool overflowed_ = false;
  bool reset_ = false;
  bool finishing_ = false;
  bool shut_down_ = false;
  bool closed_ = false;
  bool abandoned_ = false;
};

class Loop final : private hub::Surroundings {
 public:
  struct Peers {
    std::vector<std::unique_ptr<Loop>> loops;
    std::uint64_t slow_consumers = 0;  // connections that were ended for that
  };

  Loop(const Plan& plan, Peers& peers, hub::ShardId self, engine::Engine& engine, Clock& clock, testing::Chance& chance,
       Story& story);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // --- the scheduler's
  [[nodiscard]] bool has_turn() const;
  // Takes some of the batches that wait, and runs a turn.
  void turn();
  [[nodiscard]] bool tick_due() const;
  void tick();

  [[nodiscard]] hub::Shard& shard() noexcept { return shard_; }
  [[nodiscard]] runtime::ThreadMetrics& metrics() noexcept { return metrics_; }
  [[nodiscard]] session::Environment& environment() noexcept { return environment_; }
  [[nodiscard]] Clock& clock() noexcept { return clock_; }
  [[nodiscard]] Story& story() noexcept { return story_; }
  [[nodiscard]] const Plan& plan() const noexcept { return plan_; }
  [[nodiscard]] testing::Chance& chance() noexcept { return chance_; }
  void count_slow_consumer() noexcept { ++peers_.slow_consumers; }

  [[nodiscard]] Connection& connect(std::size_t client, hub::SessionId id, hub::WireForm form,
                                    std::size_t kernel_bytes);
  // The client has let go of it, and the broker has closed it.
  void bury(Connection& connection);
  [[nodiscard]] std::span<const std::unique_ptr<Connection>> connections() const { return connections_; }
  void flush_later(Connection& connection);
  // Before the loops are thrown away.
  void cut_all();

 private:
  void post(hub::ShardId to, std::unique_ptr<hub::Batch> batch) override;
  void want_turn() override;
  void flush() override;
  void enforce_total();
  void check_bounds();

  const Plan& plan_;
  Peers& peers_;
  hub::ShardId self_;
  Clock& clock_;
  testing::Chance& chance_;
  Story& story_;
  runtime::ThreadMetrics metrics_;
  hub::Shard shard_;
  command::JsonCommandParser parser_;
  command::CborTranscoder cbor_;
  session::Environment environment_;
  std::vector<std::deque<std::unique_ptr<hub::Batch>>> lanes_;  // by sender
  std::vector<std::size_t> lane_bytes_;                         // of messages in them
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> dirty_;
  std::int64_t next_tick_ns_ = 0;
  bool turn_posted_ = false;
  bool in_turn_ = false;
};

}  // namespace crier::simulation
