// Several shards in one thread, under a scheduler whose only source of chance is a seed: the same seed
// gives the same run, so a failing seed is a reproducible report.
//
// Batches between two shards stay in their order, as the inboxes keep it; everything else is drawn: which
// shard runs next, how many of the waiting batches it sees, and how those of different senders interleave.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/config/config.hpp"
#include "broker/engine/memory_engine.hpp"
#include "broker/hub/shard.hpp"
#include "protocol/base/check.hpp"
#include "tests/support/chance.hpp"

namespace crier::testing {

class FakeWorld {
 public:
  struct Options {
    hub::ShardId shards = 1;
    std::uint64_t seed = 1;
    std::size_t channels_max = 1'000'000;  // of each shard's homes
    std::size_t inflight_bytes_max = 1024 * 1024;
    std::size_t lane_bytes_max = 1024 * 1024;
    const config::Config* config = nullptr;  // which outlives the world; null: all defaults
    hub::BacklogLimits backlog = {};
    // Each shard's engine; none: the one in memory, of the epoch "e".
    std::function<std::unique_ptr<engine::Engine>(hub::ShardId)> engine = {};
  };

  explicit FakeWorld(Options options) : chance_(options.seed), options_(std::move(options)) {
    for (hub::ShardId id = 0; id < options_.shards; ++id) nodes_.push_back(std::make_unique<Node>(*this, id));
  }
  FakeWorld(const FakeWorld&) = delete;
  FakeWorld& operator=(const FakeWorld&) = delete;

  [[nodiscard]] hub::Shard& shard(std::size_t id) { return nodes_[id]->shard; }
  [[nodiscard]] runtime::ThreadMetrics& metrics(std::size_t id) { return nodes_[id]->metrics; }
  [[nodiscard]] const config::Config& config() const { return options_.config ? *options_.config : defaults_; }
  [[nodiscard]] engine::Engine& engine(std::size_t id) { return *nodes_[id]->engine; }
  [[nodiscard]] std::size_t shard_count() const { return nodes_.size(); }
  [[nodiscard]] Chance& chance() { return chance_; }

  // Called where a loop would write to its sockets: all chunks of that shard are sealed.
  void on_flush(std::size_t id, std::function<void()> flush) { nodes_[id]->flushes.push_back(std::move(flush)); }

  // One shard that has anything to do takes some of the batches that wait for it, and runs a turn. False
  // when the world is at rest.
  bool step() {
    std::vector<Node*> busy;
    for (const auto& node : nodes_) {
      if (node->has_work()) busy.push_back(node.get());
    }
    if (busy.empty()) return false;
    busy[chance_.below(busy.size())]->turn();
    return true;
  }

  // This shard takes the oldest batch that `from` sent it, and nothing else: for stories told in order.
  void take_one_batch(std::size_t id, std::size_t from) {
    Node& node = *nodes_[id];
    CRIER_ASSERT(!node.lanes[from].empty());
    node.take_from(from);
    node.run();
  }
  // A turn of this shard in which no other shard is heard.
  void turn_alone(std::size_t id) { nodes_[id]->run(); }

  // So much time goes by, and then every shard's second is over.
  void pass(std::int64_t ms) {
    steady_ns_ += ms * 1'000'000;
    for (const auto& node : nodes_) node->shard.tick(now());
  }
  [[nodiscard]] hub::Now now() const { return {steady_ns_, steady_ns_ / 1'000'000}; }

  // Steps until the world is at rest. False when it does not come to rest.
  [[nodiscard]] bool settle(std::size_t steps_max = 1'000'000) {
    while (step()) {
      if (steps_max-- == 0) return false;
    }
    return true;
  }

  [[nodiscard]] std::size_t batches_waiting(std::size_t to, std::size_t from) const {
    return nodes_[to]->lanes[from].size();
  }
  // Delivery bytes on their way between two shards.
  [[nodiscard]] std::size_t delivery_bytes(std::size_t to, std::size_t from) const {
    std::size_t bytes = 0;
    for (const auto& batch : nodes_[to]->lanes[from]) {
      for (const hub::Delivery& delivery : batch->deliveries) {
        if (const auto* message = std::get_if<hub::MessagePtr>(&delivery)) bytes += (*message)->bytes();
      }
    }
    return bytes;
  }

  // A channel whose home is that shard; another one for every `number`.
  [[nodiscard]] std::string channel_at(std::size_t home, std::size_t number = 0) {
    for (std::size_t at = 0;; ++at) {
      std::string name = "channel." + std::to_string(at);
      if (shard(0).home_of(hub::hash_of(name)) == home && number-- == 0) return name;
    }
  }

  // Sums over all shards.
  [[nodiscard]] std::int64_t channels() const {
    return sum([](const runtime::ThreadMetrics& m) { return m.channels.value(); });
  }
  [[nodiscard]] std::int64_t subscriptions() const {
    return sum([](const runtime::ThreadMetrics& m) { return m.subscriptions.value(); });
  }
  [[nodiscard]] std::int64_t published() const {
    return sum([](const runtime::ThreadMetrics& m) { return static_cast<std::int64_t>(m.published.value()); });
  }
  [[nodiscard]] std::int64_t delivered() const {
    return sum([](const runtime::ThreadMetrics& m) { return static_cast<std::int64_t>(m.delivered.value()); });
  }
  [[nodiscard]] std::int64_t requests_waiting() const {
    return sum([](const runtime::ThreadMetrics& m) { return m.requests_waiting.value(); });
  }

 private:
  struct Node final : hub::Surroundings {
    Node(FakeWorld& owner, hub::ShardId id)
        : world(owner),
          self(id),
          lanes(owner.options_.shards),
          engine(owner.engine_of(id)),
          shard(owner.settings_of(id), owner.config(), *engine, *this, metrics) {}

    void post(hub::ShardId to, std::unique_ptr<hub::Batch> batch) override {
      CRIER_ASSERT(to != self && batch && !batch->empty() && batch->from == self);
      world.nodes_[to]->lanes[self].push_back(std::move(batch));
    }
    void want_turn() override {
      CRIER_ASSERT(!turn_wanted);  // once, until it has run
      turn_wanted = true;
    }
    void flush() override {
      for (const auto& one : flushes) one();
      shard.note_written(world.steady_ns_);
    }

    [[nodiscard]] bool has_work() const {
      if (turn_wanted) return true;
      for (const auto& lane : lanes) {
        if (!lane.empty()) return true;
      }
      return false;
    }
    void take_from(std::size_t from) {
      std::unique_ptr<hub::Batch> batch = std::move(lanes[from].front());
      lanes[from].pop_front();
      *inbox_end() = std::move(batch);
    }
    std::unique_ptr<hub::Batch>* inbox_end() {
      std::unique_ptr<hub::Batch>* end = &inbox;
      while (*end) end = &(*end)->next;
      return end;
    }
    void turn() {
      do {
        std::vector<std::size_t> senders;
        for (std::size_t from = 0; from < lanes.size(); ++from) {
          if (!lanes[from].empty()) senders.push_back(from);
        }
        if (senders.empty()) break;
        take_from(senders[world.chance_.below(senders.size())]);
      } while (!world.chance_.one_in(4));
      run();
    }
    void run() {
      turn_wanted = false;
      world.steady_ns_ += 1'000'000;
      shard.receive(std::move(inbox));
      shard.run_turn(world.now());
      flush();
    }

    FakeWorld& world;
    hub::ShardId self;
    runtime::ThreadMetrics metrics;
    std::vector<std::deque<std::unique_ptr<hub::Batch>>> lanes;  // by sender
    std::unique_ptr<hub::Batch> inbox;
    std::vector<std::function<void()>> flushes;
    bool turn_wanted = false;
    std::unique_ptr<engine::Engine> engine;
    hub::Shard shard;
  };

  [[nodiscard]] hub::ShardSettings settings_of(hub::ShardId id) const {
    hub::ShardSettings settings;
    settings.self = id;
    settings.shard_count = options_.shards;
    settings.home.shard_count = options_.shards;
    settings.home.channels_max = options_.channels_max;
    settings.home.history_bytes_max = config().limits.history_bytes_max / options_.shards;
    settings.home.idempotency_keys_max = config().limits.idempotency_keys_max / options_.shards;
    settings.home.engine_queue_bytes_max = config().engine.queue_bytes_max / options_.shards;
    settings.backlog = options_.backlog;
    settings.inflight_bytes_max = options_.inflight_bytes_max;
    settings.lane_bytes_max = options_.lane_bytes_max;
    return settings;
  }
  [[nodiscard]] std::unique_ptr<engine::Engine> engine_of(hub::ShardId id) const {
    if (options_.engine) return options_.engine(id);
    return std::make_unique<engine::MemoryEngine>("e", 0);
  }
  template <class Read>
  [[nodiscard]] std::int64_t sum(Read read) const {
    std::int64_t total = 0;
    for (const auto& node : nodes_) total += read(node->metrics);
    return total;
  }

  const config::Config defaults_{};
  Chance chance_;
  Options options_;
  std::int64_t steady_ns_ = 0;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace crier::testing
