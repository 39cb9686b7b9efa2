// Beginnings and ends: a first start, a restart that takes the state up, a crash, and an engine that lost
// everything under a running broker.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "broker/state/state_codec.hpp"
#include "tests/simulation/world.hpp"

namespace crier::simulation {

namespace {

constexpr std::size_t floors = 4096;  // of forgotten channels: how finely a home tells them apart
constexpr std::size_t plenty = 100;

// The engine within, and what it does is seen.
class WatchedMemoryEngine final : public engine::Engine {
 public:
  WatchedMemoryEngine(std::string epoch, std::uint64_t start, testing::TestEngine::Witness witness)
      : engine_(std::move(epoch), start), witness_(std::move(witness)) {}
  [[nodiscard]] std::string_view epoch() const override { return engine_.epoch(); }
  [[nodiscard]] std::uint64_t start() const override { return engine_.start(); }
  [[nodiscard]] std::optional<Result<std::uint64_t>> publish(engine::Ticket ticket,
                                                             const engine::Publication& publication) override {
    auto answer = engine_.publish(ticket, publication);
    witness_(std::string(publication.channel),
             {**answer, std::string(publication.data_json), publication.encoding, std::string(publication.conflate_key),
              publication.time_ms, publication.expires_ms});
    return answer;
  }

 private:
  engine::MemoryEngine engine_;
  testing::TestEngine::Witness witness_;
};

}  // namespace

std::string World::new_epoch() {
  return "epoch" + std::to_string(++epochs_);
}

std::unique_ptr<engine::Engine> World::make_engine(std::size_t shard, const std::string& epoch, std::uint64_t start) {
  auto witness = [this](const std::string& channel, const engine::StoredMessage& message) {
    truth_.accept(channel, message, clock_.wall_ms());
  };
  if (plan_.engine == EngineType::memory) {
    return std::make_unique<WatchedMemoryEngine>(epoch, start, std::move(witness));
  }
  testing::TestEngine::Options options;
  options.epoch = epoch;
  options.start = start;
  options.seed = chance_.next();
  options.keeps_more = plan_.engine == EngineType::durable;
  options.messages_max = chance_.one_of<std::size_t>({5, 200, 5'000});
  options.at_once_one_in = chance_.one_of<std::size_t>({0, 2, 10});
  if (plan_.engine_fails) {
    options.unavailable_one_in = 30;
    options.timeout_one_in = 50;
  }
  if (plan_.engine_recovery_fails) options.recover_fails_one_in = 3;
  auto engine = std::make_unique<testing::TestEngine>(std::move(options), std::move(witness));
  late_engines_.push_back(engine.get());
  for (auto& [name, store] : stores_) {
    if ((hub::hash_of(name) >> 32U) % plan_.shards == shard) engine->put_store(name, std::move(store));
  }
  return engine;
}

// As the server starts: engines and shards, then the floor, then the channels, then the first connection.
void World::begin_life(const state::SavedState* saved) {
  hub::seed_channel_hash(chance_.next());
  const std::string epoch = truth_.epoch_name(truth_.epoch());
  const std::uint64_t start = saved != nullptr ? saved->sequence : 0;
  for (std::size_t i = 0; i < plan_.shards; ++i) engines_.push_back(make_engine(i, epoch, start));
  silent_for_.assign(late_engines_.size(), 0);
  stores_.clear();
  for (std::size_t i = 0; i < plan_.shards; ++i) {
    peers_.loops.push_back(
        std::make_unique<Loop>(plan_, peers_, static_cast<hub::ShardId>(i), *engines_[i], clock_, chance_, story_));
  }
  const hub::Shard& any = peers_.loops.front()->shard();
  for (auto& [name, channel] : truth_.channels()) {
    channel.shares_floor = std::any_of(truth_.channels().begin(), truth_.channels().end(), [&](const auto& other) {
      const std::size_t one = hub::hash_of(name);
      const std::size_t two = hub::hash_of(other.first);
      return other.first != name && any.home_of(one) == any.home_of(two) && one % floors == two % floors;
    });
  }
  if (saved == nullptr) return;
  for (const auto& loop : peers_.loops) loop->shard().home().restore_floor(saved->floor);
  for (const state::SavedChannel& channel : saved->channels) {
    const std::size_t home = any.home_of(hub::hash_of(channel.name));
    peers_.loops[home]->shard().home().restore(channel, clock_.wall_ms());
  }
}

void World::end_life() {
  for (const auto& loop : peers_.loops) model_.seen.note(Sight::lag, loop->metrics().lags.value());
  for (const auto& loop : peers_.loops) loop->cut_all();
  peers_.loops.clear();
  engines_.clear();
  late_engines_.clear();
  silent_for_.clear();
}

// Some still read what had arrived.
void World::lose_connections() {
  for (const auto& client : clients_) {
    if (client->connected() && chance_.one_in(2)) {
      client->wake();
      if (client->can_read()) client->read(std::size_t{1} << 30U);
    }
    client->lose_connection();
  }
}

void World::drain_loops() {
  for (const auto& loop : peers_.loops) loop->cut_all();
  for (testing::TestEngine* const engine : late_engines_) {
    engine->set_silent(false);
    engine->set_faultless(true);
  }
  while (something_happens()) {
  }
}

std::string World::save() {
  state::SavedHead head;
  head.epoch = truth_.epoch_name(truth_.epoch());
  for (const auto& loop : peers_.loops) {
    head.sequence = std::max(head.sequence, loop->shard().home().fanned_out());
    head.floor = std::max(head.floor, loop->shard().home().saved_floor());
  }
  for (testing::TestEngine* const engine : late_engines_) {
    head.sequence = std::max(head.sequence, engine->sequence());
    stores_.merge(engine->take_stores());
  }
  std::string bytes;
  state::StateWriter writer(head, [&](std::string_view piece) { bytes += piece; });
  for (const auto& loop : peers_.loops) {
    loop->shard().home().save([&](const state::SavedChannel& channel) { writer.channel(channel); });
  }
  writer.finish();
  return bytes;
}

void World::restart() {
  story_.tell(nobody, "", [] { return "the broker restarts"; });
  model_.seen.note(Sight::restart);
  watch_limits();
  lose_connections();
  if (ended()) return;
  drain_loops();
  watch_limits();
  const std::string bytes = save();
  story_.note(bytes.size());
  end_life();
  const auto saved = state::read_state(bytes);
  if (!saved) return story_.violate(nobody, "", "the state is not read back: " + saved.error());
  if (chance_.one_in(2)) {
    const std::size_t before = plan_.shards;
    plan_.shards = chance_.one_of<std::size_t>({1, 2, 3, 5});
    // What each may hold stays as it was.
    config::Limits& limits = plan_.config.limits;
    for (std::size_t* const limit : {&limits.history_bytes_max, &limits.channels_max, &limits.idempotency_keys_max,
                                     &limits.outbox_total_bytes_max}) {
      *limit = *limit / before * plan_.shards;
    }
  }
  note_restart(*saved);
  clock_.steady_ns += static_cast<std::int64_t>(chance_.below(1'000'000'000));
  begin_life(&*saved);
}

// What the model may no longer be sure of.
void World::note_restart(const state::SavedState& saved) {
  const config::Limits& limits = plan_.config.limits;
  const bool few_channels = limits.channels_max / plan_.shards < plenty;
  for (auto& [name, channel] : truth_.channels()) {
    channel.recorded_to = channel.order.size();
    channel.floor_of_others = std::max(channel.floor_of_others, saved.floor);
    if (few_channels) channel.lost_to = channel.order.size();
    if (few_channels) channel.floor_of_others = saved.sequence + 1;
  }
  if (few_channels || limits.idempotency_keys_max / plan_.shards < plenty) truth_.forget_keys(/*all=*/false);
}

// Also what follows a start that had taken a state up: the file is gone then.
void World::crash() {
  story_.tell(nobody, "", [] { return "the broker crashes"; });
  model_.seen.note(Sight::crash);
  watch_limits();
  lose_connections();
  if (ended()) return;
  end_life();
  stores_.clear();
  truth_.crash(new_epoch());
  begin_life(nullptr);
}

void World::change_epoch() {
  for (std::size_t i = 0; i < late_engines_.size(); ++i) {
    late_engines_[i]->tell_all(peers_.loops[i]->shard().engine_answers());
  }
  const std::string epoch = new_epoch();
  story_.tell(nobody, "", [&] { return "the engines have lost everything: " + epoch; });
  truth_.new_epoch(epoch);
  for (std::size_t i = 0; i < late_engines_.size(); ++i) {
    late_engines_[i]->change_epoch(epoch, peers_.loops[i]->shard().engine_answers());
  }
  watch_limits();
}

}  // namespace crier::simulation
