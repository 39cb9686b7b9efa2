#include "broker/net/worker.hpp"

#include <openssl/rand.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "broker/auth/origin.hpp"
#include "broker/net/http_transport.hpp"
#include "broker/net/tls_stream.hpp"
#include "broker/runtime/log_site.hpp"
#include "protocol/base/check.hpp"

namespace crier::net {

namespace {

// Big enough that a burst of large messages is one turn: at 64 KiB eight messages of 16 KiB were two.
constexpr std::size_t scratch_bytes = 256 * 1024;
constexpr runtime::Tick probe_every = ticks(std::chrono::seconds{1});
// What an honest peer takes for its part of a handshake, over a slow line; only while others wait for their turn.
constexpr runtime::Tick handshake_stalled_max = ticks(std::chrono::seconds{1});

// Later than any turn of a loop that runs.
constexpr std::chrono::seconds slept_min{1};
constexpr std::int64_t evictions_calm_ms = 60'000;
constexpr std::int64_t clock_step_min_ms = 500;

hub::ShardSettings shard_settings(const config::Config& config, hub::ShardId self, hub::ShardId count) {
  const auto share = [&](std::size_t total) { return (total + count - 1) / count; };
  hub::ShardSettings settings;
  settings.self = self;
  settings.shard_count = count;
  settings.home.shard_count = count;
  settings.home.channels_max = share(config.limits.channels_max);
  settings.home.history_bytes_max = share(config.limits.history_bytes_max);
  settings.home.idempotency_keys_max = share(config.limits.idempotency_keys_max);
  settings.home.engine_queue_bytes_max = share(config.engine.queue_bytes_max);
  settings.backlog.topic_bytes_max = config.limits.outbox_bytes_max;
  settings.backlog.total_bytes_max = share(config.limits.outbox_total_bytes_max) / 2;
  settings.inflight_bytes_max = config.limits.inflight_bytes_max;
  settings.compression = {config.compression.min_bytes, config.compression.level};
  return settings;
}

std::vector<std::string> origins_of(const config::Config& config) {
  return config.server.origins ? *config.server.origins : auth::default_origins(config.protects());
}

}  // namespace

std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

hub::Now now() {
  const auto read = [] {
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    return std::pair(steady_ns(), std::chrono::duration_cast<std::chrono::milliseconds>(wall).count());
  };
  static const auto start = read();
  const auto [steady, wall_ms] = read();
  const std::int64_t steadily_ms = start.second + (steady - start.first) / 1'000'000;
  // Two clocks are never read at once: what lies between them by a little is no step.
  static std::atomic<std::int64_t> stepped_ms{0};
  std::int64_t known_ms = stepped_ms.load(std::memory_order_relaxed);
  if (std::abs(wall_ms - steadily_ms - known_ms) > clock_step_min_ms) {
    known_ms = wall_ms - steadily_ms;
    stepped_ms.store(known_ms, std::memory_order_relaxed);
  }
  return {steady, steadily_ms, known_ms};
}

Worker::Worker(const config::Config& config, std::shared_ptr<const auth::Authenticator> authenticator, Gate& gate,
               const std::vector<std::unique_ptr<Worker>>& peers, hub::ShardId self, hub::ShardId count,
               const std::string& epoch, std::uint64_t start)
    : config_(config),
      gate_(gate),
      peers_(peers),
      origins_(origins_of(config)),
      engine_(epoch, start),
      shard_(shard_settings(config, self, count), config_, engine_, *this, metrics_),
      environment_{config_, shard_, metrics_, parser_, cbor_, std::move(authenticator)},
      scratch_(scratch_bytes) {}

Worker::~Worker() {
  while (connections_ != nullptr) {
    Connection* const connection = connections_;
    connections_ = connection->next;
    delete connection;  // NOLINT(cppcoreguidelines-owning-memory): the list owns; see `forget`
  }
}

void Worker::run_in_thread() {
  thread_ = std::thread([this] {
    shard_.bind_to_this_thread();
    read_clocks();
    probe_ = std::make_unique<SelfProbe>(shard_);
    next_tick_ = std::chrono::steady_clock::now() + tick_length;
    schedule_tick();
    context_.run();
    cut_connections();
    probe_.reset();
    shard_.run_turn(now());
  });
}

// After the loop has ended: closes what is open, and lets Asio bring back the waits that it cancelled.
void Worker::cut_connections() {
  tick_timer_.cancel();
  while (connections_ != nullptr) {
    for (Connection* connection = connections_; connection != nullptr; connection = connection->next) {
      connection->close();
    }
    context_.restart();
    context_.poll();
    bury();
  }
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

bool Worker::settle() {
  shard_.bind_to_this_thread();
  std::unique_ptr<hub::Batch> batches = inbox_.take();
  if (!batches && !shard_.has_work()) return false;
  shard_.receive(std::move(batches));
  shard_.run_turn(now());
  return true;
}

void Worker::stop() {
  asio::post(context_, [this] { context_.stop(); });
}

void Worker::adopt(std::vector<Accepted> accepted, Opening opening) {
  asio::post(context_, [this, accepted = std::move(accepted), opening = std::move(opening)] {
    for (const Accepted& one : accepted) adopt_one(one, opening);
  });
}

// Sockets of the file system are the same to Asio: it asks for a family only to open one.
void Worker::adopt_one(Accepted accepted, const Opening& opening) {
  Socket socket(context_.get_executor());
  asio::error_code error;
  socket.assign(asio::ip::tcp::v4(), accepted.descriptor, error);
  if (error) {  // epoll has no room for it
    ::close(accepted.descriptor);
    gate_.leave(accepted.counted_as);
    connection_count_.fetch_sub(1, std::memory_order_relaxed);
    metrics_.refused.add("capacity");
    return;
  }
  auto* const connection = new Connection(*this, std::move(socket));  // NOLINT: the list owns it
  connection->count_as(accepted.counted_as);
  connection->next = connections_;
  if (connections_ != nullptr) connections_->previous = connection;
  connections_ = connection;
  metrics_.accepted.add();
  metrics_.connections.add(1);
  connection->open(opening);
  if (shutting_down_ && !connection->started()) connection->close();  // there is nobody yet to say goodbye to
}

void Worker::opened(Connection& connection) {
  if (frozen_) connection.pause_reading();
  connection.start(std::make_unique<HttpTransport>(connection));
  if (shutting_down_ && !connection.closed()) connection.transport().on_shutdown();
}

std::size_t Worker::handshakes_in_flight_max() const noexcept {
  return std::max<std::size_t>(1, config_.tls.handshakes_in_flight_max / shard_.settings().shard_count);
}

std::span<char> Worker::record() {
  record_.resize(TlsStream::record_bytes_max);
  return record_;
}

void Worker::count_turned_away(NoRoom why, std::size_t count) {
  asio::post(context_, [this, why, count] { metrics_.refused.add(reason_of(why), count); });
}

void Worker::apply(config::Config config, std::shared_ptr<const auth::Authenticator> authenticator) {
  asio::post(context_, [this, config = std::move(config), authenticator = std::move(authenticator)]() mutable {
    config_ = std::move(config);
    origins_ = origins_of(config_);
    environment_.authenticator = std::move(authenticator);
    const hub::ShardSettings& settings = shard_.settings();
    shard_.reconfigure(shard_settings(config_, settings.self, settings.shard_count));
    for (Connection* connection = connections_; connection != nullptr; connection = connection->next) {
      if (!connection->closed() && connection->started()) connection->transport().on_reload();
    }
    want_turn();
  });
}

void Worker::flush_later(Connection& connection) {
  dirty_.push_back(&connection);
  want_turn();
}

void Worker::forget(Connection& connection) {
  dead_.push_back(&connection);
  want_turn();
}

void Worker::walk_busiest(hub::Busiest busiest, std::function<void(hub::Busiest)> done, std::uint64_t from) {
  asio::post(context_, [this, busiest = std::move(busiest), done = std::move(done), from]() mutable {
    const auto next = shard_.home().offer_to(busiest, from);
    if (!next) return done(std::move(busiest));
    walk_busiest(std::move(busiest), std::move(done), *next);
  });
}

// Connections die at the end of a turn, when nothing refers to them any more.
void Worker::bury() {
  for (Connection* const connection : dead_) {
    if (connection->dirty_) std::erase(dirty_, connection);
    if (connection->leaves_at_ != 0) departures_.remove(*connection, connection->leaves_at_);
    if (connection->previous != nullptr) connection->previous->next = connection->next;
    if (connection->next != nullptr) connection->next->previous = connection->previous;
    if (connections_ == connection) connections_ = connection->next;
    metrics_.connections.add(-1);
    connection_count_.fetch_sub(1, std::memory_order_relaxed);
    delete connection;  // NOLINT(cppcoreguidelines-owning-memory): the list owned it
  }
  dead_.clear();
}

void Worker::want_turn() {
  if (turn_posted_ || in_turn_) return;
  turn_posted_ = true;
  // After all handlers that are ready now, and before the next events: so a turn gathers as much as
  // came in at once, and no more.
  asio::post(context_, [this] {
    turn_posted_ = false;
    turn();
  });
}

void Worker::post(hub::ShardId to, std::unique_ptr<hub::Batch> batch) {
  Worker& peer = *peers_[to];
  ++batches_sent_;
  if (!peer.inbox_.push(std::move(batch))) return;  // it was woken already
  asio::post(peer.context_, [&peer] { peer.turn(); });
}

void Worker::turn() {
  in_turn_ = true;
  shard_.receive(inbox_.take());
  shard_.run_turn(now());
  flush();
  enforce_total();
  metrics_.outbox_bytes.set(static_cast<std::int64_t>(shard_.retained_bytes()));
  bury();
  in_turn_ = false;
  // What flushing resumed, what the dead left behind, and what this turn had no time for.
  if (shard_.has_work() || !dirty_.empty() || !dead_.empty()) want_turn();
}

// What becomes dirty meanwhile waits for the next turn: one that has always something to read again, as TLS may hold
// it, would keep this one for itself.
void Worker::flush() {
  CRIER_ASSERT(flushing_.empty());
  flushing_.swap(dirty_);
  for (Connection* const connection : flushing_) connection->flush();
  flushing_.clear();
  shard_.note_written(steady_ns());
}

// All outboxes together: those that hold most go first, never a healthy one that just has a byte to send.
void Worker::enforce_total() {
  const std::size_t total_max = config_.limits.outbox_total_bytes_max / shard_.settings().shard_count;
  while (shard_.retained_bytes() > total_max) {
    Connection* fullest = nullptr;
    for (Connection* connection = connections_; connection != nullptr; connection = connection->next) {
      const bool fuller = fullest == nullptr || connection->outbox().bytes() > fullest->outbox().bytes();
      if (fuller && connection->can_give_up()) fullest = connection;
    }
    if (fullest == nullptr) return;
    if (runtime::LogSite& site = runtime::log_sites().outbox_total; site.admits()) {
      site.write({{"bytes", std::to_string(shard_.retained_bytes())}, {"of_thread", std::to_string(total_max)}});
    }
    fullest->give_up();
    flush();
  }
}

void Worker::schedule_tick() {
  tick_timer_.expires_at(next_tick_);
  tick_timer_.async_wait([this](const asio::error_code& error) {
    if (!error) tick();
  });
}

void Worker::tick() {
  const auto late = std::chrono::steady_clock::now() - next_tick_;
  metrics_.loop_lag_us.set(std::chrono::duration_cast<std::chrono::microseconds>(late).count());
  const auto due = static_cast<runtime::Tick>(1 + late / tick_length);
  next_tick_ += due * tick_length;
  read_clocks();
  // Nobody could be heard meanwhile: what peers said waits in their sockets, and their time stood still with us.
  const bool slept = late >= slept_min;
  const runtime::Tick passed = slept ? 1 : due;
  wheel_.advance(wheel_.now() + passed);
  if (slept) wake_up(std::chrono::duration_cast<std::chrono::milliseconds>(late));
  handshakes_.set_aside_stalled(wheel_.now(), handshake_stalled_max);
  depart_due();
  if (wheel_.now() % probe_every < passed) {
    probe_->send();
    shard_.tick(now());
    watch_resources();
  }
  schedule_tick();
}

// Stopped by a signal, on a machine that was suspended, or without a processor for a long time.
void Worker::wake_up(std::chrono::milliseconds slept) {
  runtime::log(runtime::LogLevel::warn, "a loop stood still: its clients' deadlines begin where they stood",
               {{"thread", std::to_string(shard_.settings().self)}, {"milliseconds", std::to_string(slept.count())}});
  for (Connection* connection = connections_; connection != nullptr; connection = connection->next) {
    if (!connection->closed() && connection->started()) connection->transport().on_woken(wheel_.now());
  }
}

// What an operator should hear of once when it begins, and of an end where there is one.
void Worker::watch_resources() {
  const std::string thread = std::to_string(shard_.settings().self);
  if (const std::uint64_t evicted = metrics_.history_evicted.value(); evicted != evicted_seen_) {
    evicted_seen_ = evicted;
    if (environment_.steady_ms >= evicting_until_ms_) {
      runtime::log(runtime::LogLevel::warn, "limits.history_bytes_max is reached: histories end before their time",
                   {{"thread", thread}});
    }
    evicting_until_ms_ = environment_.steady_ms + evictions_calm_ms;
  }
  const bool ready = metrics_.engine_ready.value() != 0;
  if (ready == std::exchange(engine_was_ready_, ready)) return;
  runtime::log(ready ? runtime::LogLevel::info : runtime::LogLevel::warn,
               ready ? "the engine takes messages again" : "the engine takes no messages", {{"thread", thread}});
}

runtime::Tick Worker::tick_at(std::int64_t steady_ms) const noexcept {
  // A deadline further away than a day is looked at once a day.
  constexpr std::int64_t away_max = std::int64_t{24} * 3600 * 1000;
  const std::int64_t left = std::clamp<std::int64_t>(steady_ms - environment_.steady_ms, 0, away_max);
  return wheel_.now() + ticks(std::chrono::milliseconds{left});
}

void Worker::read_clocks() {
  const hub::Now clocks = now();
  environment_.wall_s = clocks.shown_ms() / 1000;
  environment_.steady_ms = clocks.steady_ns / 1'000'000;
}

hub::SessionId Worker::new_session_id() {
  hub::SessionId id;
  // Without randomness sessions could be guessed or repeated: there is nothing sensible to go on with.
  CRIER_ASSERT(RAND_bytes(reinterpret_cast<unsigned char*>(&id), sizeof(id)) == 1);
  return id;
}

std::string Worker::new_request_id() {
  const auto& settings = shard_.settings();
  return std::string(engine_.epoch()) + "-" + std::to_string(settings.self) + "-" + std::to_string(next_request_++);
}

websocket::Deflater& Worker::echo_deflater() {
  if (!echo_deflater_) echo_deflater_ = std::make_unique<websocket::Deflater>(config_.compression.level);
  return *echo_deflater_;
}

}  // namespace crier::net
