// One loop of the broker: a thread, its io_context, its shard and its connections.
//
// Everything here is touched by the loop's own thread, except what says "any thread".
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "broker/auth/authenticator.hpp"
#include "broker/config/config.hpp"
#include "broker/engine/memory_engine.hpp"
#include "broker/hub/busiest.hpp"
#include "broker/hub/shard.hpp"
#include "broker/net/admission.hpp"
#include "broker/net/connection.hpp"
#include "broker/net/departures.hpp"
#include "broker/net/gate.hpp"
#include "broker/net/self_probe.hpp"
#include "broker/net/tls_handshake_queue.hpp"
#include "broker/runtime/inbox.hpp"
#include "broker/runtime/timer_wheel.hpp"
#include "broker/session/environment.hpp"
#include "protocol/command/cbor_reader.hpp"
#include "protocol/command/json_codec.hpp"
#include "protocol/websocket/deflate.hpp"

namespace crier::net {

// The wheel's resolution.
inline constexpr std::chrono::milliseconds tick_length{100};
[[nodiscard]] constexpr runtime::Tick ticks(std::chrono::milliseconds time) {
  return static_cast<runtime::Tick>((time + tick_length - std::chrono::milliseconds{1}) / tick_length);
}

class Worker final : private hub::Surroundings {
 public:
  // `peers` holds all workers by shard id; complete before any of them runs.
  // `start`: the epoch's offsets go on from there.
  Worker(const config::Config& config, std::shared_ptr<const auth::Authenticator> authenticator, Gate& gate,
         const std::vector<std::unique_ptr<Worker>>& peers, hub::ShardId self, hub::ShardId count,
         const std::string& epoch, std::uint64_t start);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Any thread.
  void run_in_thread();
  void join();
  void reserve_connection() noexcept { connection_count_.fetch_add(1, std::memory_order_relaxed); }
  // Accepted, non-blocking sockets of one listener, each reserved before.
  void adopt(std::vector<Accepted> accepted, Opening opening);
  // Tells every connection a moment of its own within `window`, and says goodbye (1012) to it then; nobody new is
  // served. connection_count tells when they are gone.
  void drain(std::chrono::milliseconds window);
  // Between the two no command is taken: sockets are not read, what was read is carried out. For a hand-over.
  void freeze();
  void unfreeze();
  // Before unfreeze: another process has taken over. As drain, but those go first who lose by waiting.
  void hand_over(std::chrono::milliseconds window);
  // Nothing waits in the loop. When all loops were quiet twice, and none has sent a batch between, nothing is on its
  // way between two of them: see Server::await_silence.
  struct Traffic {
    bool quiet = false;
    std::uint64_t batches_sent = 0;
  };
  [[nodiscard]] std::future<Traffic> ask_traffic();
  // Walks through the channels whose home this loop is, in steps between other work; calls `done` on this loop.
  void walk_busiest(hub::Busiest busiest, std::function<void(hub::Busiest)> done, std::uint64_t from = 0);
  // Runs `what` on the loop and waits for its end; without a thread (before run_in_thread, after join), right here. Not
  // from a loop.
  void on_loop(const std::function<void()>& what);
  void stop();  // the loop ends, whatever is open
  void count_turned_away(NoRoom why, std::size_t count);
  // A reload: both are in force from the loop's next turn on, and what sessions may no longer do ends then.
  void apply(config::Config config, std::shared_ptr<const auth::Authenticator> authenticator);
  [[nodiscard]] std::size_t connection_count() const noexcept {
    return connection_count_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] runtime::ThreadMetrics& metrics() noexcept { return metrics_; }
  [[nodiscard]] asio::io_context& context() noexcept { return context_; }

  // Within on_loop, or while no thread runs the loop.
  [[nodiscard]] hub::Home& home() noexcept { return shard_.home(); }
  // Handles what other loops had posted when they ended; false when there was nothing.
  [[nodiscard]] bool settle();

  // The loop's own thread from here on.
  [[nodiscard]] const config::Config& config() const noexcept { return config_; }
  [[nodiscard]] const std::vector<std::string>& origins() const noexcept { return origins_; }
  [[nodiscard]] Gate& gate() noexcept { return gate_; }
  [[nodiscard]] hub::Shard& shard() noexcept { return shard_; }
  [[nodiscard]] session::Environment& environment() noexcept { return environment_; }
  [[nodiscard]] runtime::TimerWheel& wheel() noexcept { return wheel_; }
  // The wheel's tick at which Environment::steady_ms has come that far.
  [[nodiscard]] runtime::Tick tick_at(std::int64_t steady_ms) const noexcept;
  [[nodiscard]] websocket::Inflater& inflater() noexcept { return inflater_; }
  [[nodiscard]] websocket::Deflater& echo_deflater();
  [[nodiscard]] std::vector<char>& scratch() noexcept { return scratch_; }
  [[nodiscard]] hub::SessionId new_session_id();
  // For X-Request-Id and the log: unique in this life of the process.
  [[nodiscard]] std::string new_request_id();
  [[nodiscard]] bool frozen() const noexcept { return frozen_; }
  [[nodiscard]] bool shutting_down() const noexcept { return shutting_down_; }

  [[nodiscard]] HandshakeQueue& handshakes() noexcept { return handshakes_; }
  // This loop's share of tls.handshakes_in_flight_max.
  [[nodiscard]] std::size_t handshakes_in_flight_max() const noexcept;
  // To put the pieces of a TLS record together in.
  [[nodiscard]] std::span<char> record();

  // What comes before HTTP is over.
  void opened(Connection& connection);
  void flush_later(Connection& connection);
  void forget(Connection& connection);  // its socket is closed and no operation is out
  void want_turn() override;

 private:
  void post(hub::ShardId to, std::unique_ptr<hub::Batch> batch) override;
  void flush() override;
  void adopt_one(Accepted accepted, const Opening& opening);
  void turn();
  void tick();
  void schedule_tick();
  void wake_up(std::chrono::milliseconds slept);
  void watch_resources();
  void read_clocks();
  void bury();
  void enforce_total();
  void cut_connections();
  void schedule_departure(Connection& connection, std::chrono::milliseconds least, std::chrono::milliseconds most);
  void depart_due();

  config::Config config_;  // its own copy, which others refer to: a reload assigns to it
  Gate& gate_;
  const std::vector<std::unique_ptr<Worker>>& peers_;
  std::vector<std::string> origins_;  // the rules in force
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  runtime::ThreadMetrics metrics_;
  runtime::Inbox<hub::Batch> inbox_;
  runtime::TimerWheel wheel_;
  asio::steady_timer tick_timer_{context_};
  std::chrono::steady_clock::time_point next_tick_;
  engine::MemoryEngine engine_;
  hub::Shard shard_;
  command::JsonCommandParser parser_;
  command::CborTranscoder cbor_;
  session::Environment environment_;
  websocket::Inflater inflater_;
  std::unique_ptr<websocket::Deflater> echo_deflater_;
  HandshakeQueue handshakes_{context_, wheel_, metrics_};
  std::vector<char> scratch_;
  std::vector<char> record_;
  std::vector<Connection*> dirty_;     // to be flushed
  std::vector<Connection*> flushing_;  // in this very moment
  std::vector<Connection*> dead_;
  Departures departures_;
  Connection* connections_ = nullptr;  // a list through Connection::next; owned
  std::unique_ptr<SelfProbe> probe_;
  std::atomic<std::size_t> connection_count_{0};
  std::uint64_t next_request_ = 1;
  std::uint64_t evicted_seen_ = 0;
  std::int64_t evicting_until_ms_ = 0;  // Environment::steady_ms up to which evictions are nothing new
  bool engine_was_ready_ = true;
  bool turn_posted_ = false;
  bool in_turn_ = false;  // what wants a turn now gets it from the one that runs
  bool shutting_down_ = false;
  bool frozen_ = false;
  std::uint64_t batches_sent_ = 0;
  std::thread thread_;
};

[[nodiscard]] std::int64_t steady_ns();
[[nodiscard]] hub::Now now();

}  // namespace crier::net
