#include "tests/simulation/loop.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "protocol/base/check.hpp"

namespace crier::simulation {

namespace {

constexpr std::int64_t tick_ns = 1'000'000'000;

// As net::Worker shares the limits out.
hub::ShardSettings settings_of(const Plan& plan, hub::ShardId self) {
  const config::Config& config = plan.config;
  const auto share = [&](std::size_t total) { return (total + plan.shards - 1) / plan.shards; };
  hub::ShardSettings settings;
  settings.self = self;
  settings.shard_count = static_cast<hub::ShardId>(plan.shards);
  settings.home.channels_max = share(config.limits.channels_max);
  settings.home.history_bytes_max = share(config.limits.history_bytes_max);
  settings.home.idempotency_keys_max = share(config.limits.idempotency_keys_max);
  settings.home.engine_queue_bytes_max = share(config.engine.queue_bytes_max);
  settings.backlog.topic_bytes_max = config.limits.outbox_bytes_max;
  settings.backlog.total_bytes_max = share(config.limits.outbox_total_bytes_max) / 2;
  settings.inflight_bytes_max = config.limits.inflight_bytes_max;
  settings.lane_bytes_max = plan.lane_bytes_max;
  settings.compression = {config.compression.min_bytes, config.compression.level};
  return settings;
}

std::size_t message_bytes(const hub::Batch& batch) {
  std::size_t bytes = 0;
  for (const hub::Delivery& delivery : batch.deliveries) {
    if (const auto* const message = std::get_if<hub::MessagePtr>(&delivery)) bytes += (*message)->bytes();
  }
  return bytes;
}

}  // namespace

Loop::Loop(const Plan& plan, Peers& peers, hub::ShardId self, engine::Engine& engine, Clock& clock,
           testing::Chance& chance, Story& story)
    : plan_(plan),
      peers_(peers),
      self_(self),
      clock_(clock),
      chance_(chance),
      story_(story),
      shard_(settings_of(plan, self), plan.config, engine, *this, metrics_),
      environment_{plan.config, shard_, metrics_, parser_, cbor_},
      lanes_(plan.shards),
      lane_bytes_(plan.shards),
      next_tick_ns_(clock.steady_ns + tick_ns) {}

// --- turns

bool Loop::has_turn() const {
  return turn_posted_ || std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return !lane.empty(); });
}

void Loop::turn() {
  turn_posted_ = false;
  in_turn_ = true;
  std::unique_ptr<hub::Batch> inbox;
  std::unique_ptr<hub::Batch>* end = &inbox;
  for (bool more = !chance_.one_in(8); more; more = !chance_.one_in(4)) {
    std::vector<std::size_t> senders;
    for (std::size_t from = 0; from < lanes_.size(); ++from) {
      if (!lanes_[from].empty()) senders.push_back(from);
    }
    if (senders.empty()) break;
    const std::size_t from = senders[chance_.below(senders.size())];
    *end = std::move(lanes_[from].front());
    lanes_[from].pop_front();
    lane_bytes_[from] -= message_bytes(**end);
    end = &(*end)->next;
  }
  shard_.receive(std::move(inbox));
  shard_.run_turn(clock_.now());
  flush();
  enforce_total();
  check_bounds();
  in_turn_ = false;
  if (shard_.has_work() || !dirty_.empty()) want_turn();
}

bool Loop::tick_due() const {
  return clock_.steady_ns >= next_tick_ns_;
}

void Loop::tick() {
  next_tick_ns_ += ((clock_.steady_ns - next_tick_ns_) / tick_ns + 1) * tick_ns;
  for (const auto& connection : connections_) connection->on_time(clock_.steady_ns);
  shard_.tick(clock_.now());
}

void Loop::post(hub::ShardId to, std::unique_ptr<hub::Batch> batch) {
  CRIER_ASSERT(to != self_ && batch && !batch->empty() && batch->from == self_);
  Loop& peer = *peers_.loops[to];
  peer.lane_bytes_[self_] += message_bytes(*batch);
  peer.lanes_[self_].push_back(std::move(batch));
}

void Loop::want_turn() {
  if (turn_posted_ || in_turn_) return;
  turn_posted_ = true;
}

void Loop::flush_later(Connection& connection) {
  dirty_.push_back(&connection);
  want_turn();
}

void Loop::flush() {
  // By index: a flush may make further connections dirty.
  for (std::size_t i = 0; i < dirty_.size(); ++i) dirty_[i]->flush();
  dirty_.clear();
  shard_.note_written(clock_.steady_ns);
}

void Loop::enforce_total() {
  const std::size_t total_max = plan_.config.limits.outbox_total_bytes_max / plan_.shards;
  while (shard_.retained_bytes() > total_max) {
    Connection* fullest = nullptr;
    for (const auto& connection : connections_) {
      const bool fuller = fullest == nullptr || connection->outbox().bytes() > fullest->outbox().bytes();
      if (fuller && connection->can_overflow()) fullest = connection.get();
    }
    // What is left are the last frames of those that are ending: nobody healthy pays for them.
    if (fullest == nullptr || fullest->outbox().bytes() == 0) return;
    fullest->overflow();
    flush();
  }
}

// Promise 5, of everything that a shard holds.
void Loop::check_bounds() {
  const auto check = [&](const char* what, std::size_t found, std::size_t bound) {
    if (found > bound) {
      story_.violate(nobody, "",
                     "shard " + std::to_string(self_) + ": " + what + " hold " + std::to_string(found) +
                         " bytes, over " + std::to_string(bound));
    }
  };
  const hub::ShardSettings& settings = shard_.settings();
  const std::size_t message_max = 32 * 1024;
  check("histories", static_cast<std::size_t>(metrics_.history_bytes.value()), settings.home.history_bytes_max);
  check("backlogs", static_cast<std::size_t>(metrics_.backlog_bytes.value()), settings.backlog.total_bytes_max);
  check("publishes that wait for the engine", static_cast<std::size_t>(metrics_.engine_pending_bytes.value()),
        settings.home.engine_queue_bytes_max + message_max);
  // What the engine tells of late goes out whatever the lane holds.
  const std::size_t late = plan_.engine == EngineType::memory ? 0 : settings.home.engine_queue_bytes_max + message_max;
  for (std::size_t from = 0; from < lanes_.size(); ++from) {
    check("a lane's messages", lane_bytes_[from], settings.lane_bytes_max + message_max + late);
  }
}

// --- connections

Connection& Loop::connect(std::size_t client, hub::SessionId id, hub::WireForm form, std::size_t kernel_bytes) {
  connections_.push_back(std::make_unique<Connection>(*this, client, id, form, kernel_bytes));
  return *connections_.back();
}

void Loop::bury(Connection& connection) {
  CRIER_ASSERT(connection.closed());
  std::erase(dirty_, &connection);
  std::erase_if(connections_, [&](const auto& one) { return one.get() == &connection; });
}

void Loop::cut_all() {
  dirty_.clear();
  for (const auto& connection : connections_) connection->cut();
  connections_.clear();
}

}  // namespace crier::simulation
