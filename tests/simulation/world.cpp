#include "tests/simulation/world.hpp"

#include <algorithm>
#include <utility>

namespace crier::simulation {

namespace {

constexpr std::int64_t millisecond_ns = 1'000'000;
constexpr std::size_t steps_to_rest_max = 2'000'000;
// Long enough for what was refused for a while to be asked for again, and for the slow to be given up.
constexpr int ticks_to_rest = 8;

}  // namespace

World::World(std::uint64_t seed, bool told, bool aloud)
    : plan_(draw_plan(seed)),
      chance_(seed ^ 0x5DEECE66D),
      story_(told, aloud),
      truth_(story_, plan_.config, plan_.channels),
      model_{truth_, story_, [this] { return clock_.wall_ms(); }, plan_.engine == EngineType::durable, {}} {
  truth_.new_epoch(new_epoch());
  for (auto& [name, channel] : truth_.channels()) channel.floor_of_others = 0;
  begin_life(nullptr);
  for (std::size_t i = 0; i < plan_.clients.size(); ++i) {
    clients_.push_back(std::make_unique<Client>(static_cast<Host&>(*this), model_, plan_, i, chance_));
  }
}

World::~World() {
  end_life();
}

Outcome World::run() {
  for (std::size_t act = 0; act < plan_.acts && !ended(); ++act) {
    for (std::size_t i = 0; i < plan_.steps && !ended(); ++i) {
      step();
      if (plan_.epoch_changes && chance_.one_in(2'000)) change_epoch();
    }
    if (ended()) break;
    if (plan_.restarts && chance_.one_in(3)) restart();
    if (plan_.crashes && chance_.one_in(4)) crash();
    settle();
    if (!ended()) check_at_rest();
    if (!ended()) ask_at_rest();
    if (!ended() && plan_.restarts && chance_.one_in(2)) restart();
  }
  if (!ended()) leave();
  Outcome outcome;
  outcome.violation = story_.violation();
  if (outcome.violation) outcome.story = story_.last_lines(outcome.violation->about, 60);
  model_.seen.note(Sight::slow_consumer, peers_.slow_consumers);
  outcome.seen = model_.seen;
  outcome.accepted = truth_.accepted();
  outcome.digest = story_.digest();
  outcome.plan = plan_.text();
  return outcome;
}

// --- steps

void World::step() {
  story_.next_step();
  pass_time();
  for (const auto& client : clients_) client->tire();
  trouble_engines();
  if (chance_.below(100) < plan_.talk_percent) {
    clients_[chance_.below(clients_.size())]->act();
  } else {
    static_cast<void>(something_happens());
  }
  watch_limits();
}

void World::pass_time() {
  std::int64_t us = static_cast<std::int64_t>(chance_.below(2 * plan_.pace_us));
  if (chance_.one_in(500)) us += static_cast<std::int64_t>(chance_.below(1'000'000));
  clock_.steady_ns += us * 1'000;
  if (chance_.one_in(5'000)) wait_seconds(chance_.between(1, 20));
}

// Nothing else happens: a loop that has nothing to do is late for its ticks by little.
void World::wait_seconds(std::size_t seconds) {
  for (; seconds > 0; --seconds) {
    clock_.steady_ns += 1'000 * millisecond_ns;
    for (const auto& loop : peers_.loops) {
      if (loop->tick_due()) loop->tick();
    }
  }
}

void World::trouble_engines() {
  for (std::size_t i = 0; i < late_engines_.size(); ++i) {
    if (silent_for_[i] > 0) {
      late_engines_[i]->set_silent(--silent_for_[i] > 0);
    } else if (plan_.engine_fails && chance_.one_in(1'000)) {
      silent_for_[i] = chance_.between(1, 1'000);
    }
  }
}

// Before anything is judged by them.
void World::watch_limits() {
  for (auto& [name, channel] : truth_.channels()) {
    const std::size_t home = peers_.loops.front()->shard().home_of(hub::hash_of(name));
    if (peers_.loops[home]->metrics().history_evicted.value() > 0) channel.evicted = true;
    if (home < late_engines_.size()) channel.engine_floor = late_engines_[home]->floor_of(name);
  }
}

void World::collect_events() {
  using Kind = Event::Kind;
  events_.clear();
  for (std::size_t i = 0; i < peers_.loops.size(); ++i) {
    Loop& loop = *peers_.loops[i];
    if (loop.has_turn()) {
      events_.push_back({Kind::turn, i, nullptr, nullptr});
      events_.push_back({Kind::turn, i, nullptr, nullptr});
    }
    if (loop.tick_due()) events_.push_back({Kind::tick, i, nullptr, nullptr});
    if (i < late_engines_.size() && late_engines_[i]->has_work())
      events_.push_back({Kind::engine, i, nullptr, nullptr});
    for (const auto& connection : loop.connections()) {
      if (connection->readable()) events_.push_back({Kind::readable, i, connection.get(), nullptr});
      if (connection->writable()) events_.push_back({Kind::writable, i, connection.get(), nullptr});
    }
  }
  for (const auto& client : clients_) {
    if (client->can_read()) events_.push_back({Kind::read, 0, nullptr, client.get()});
  }
}

bool World::something_happens() {
  collect_events();
  if (events_.empty()) return false;
  happen(events_[chance_.below(events_.size())]);
  bury_dead();
  return true;
}

void World::happen(const Event& event) {
  switch (event.kind) {
    case Event::Kind::turn: return peers_.loops[event.loop]->turn();
    case Event::Kind::tick: return peers_.loops[event.loop]->tick();
    case Event::Kind::engine:
      return late_engines_[event.loop]->work(peers_.loops[event.loop]->shard().engine_answers());
    case Event::Kind::readable: return event.connection->on_readable(chance_.between(1, 4));
    case Event::Kind::writable: return event.connection->on_writable();
    case Event::Kind::read: {
      static constexpr std::size_t everything = std::size_t{1} << 30U;
      const bool all = event.client->plan().healthy || chance_.one_in(4);
      watch_limits();
      return event.client->read(all ? everything : chance_.between(1, 1 + chance_.below(3'000)));
    }
  }
}

void World::bury_dead() {
  for (const auto& loop : peers_.loops) {
    for (bool again = true; again;) {
      again = false;
      for (const auto& connection : loop->connections()) {
        if (!connection->closed() || !connection->abandoned()) continue;
        loop->bury(*connection);
        again = true;
        break;
      }
    }
  }
}

// Nobody says anything, everybody reads, the engines answer: until nothing is on its way.
void World::settle() {
  for (testing::TestEngine* const engine : late_engines_) {
    engine->set_silent(false);
    engine->set_faultless(true);
  }
  std::fill(silent_for_.begin(), silent_for_.end(), 0);
  std::size_t left = steps_to_rest_max;
  for (int tick = 0; tick < ticks_to_rest && !ended(); ++tick) {
    for (const auto& client : clients_) client->wake();
    while (!ended() && something_happens()) {
      story_.next_step();
      if (--left == 0) return story_.violate(nobody, "", "the world does not come to rest");
    }
    watch_limits();
    wait_seconds(1);
  }
  while (!ended() && something_happens()) {
  }
  for (testing::TestEngine* const engine : late_engines_) engine->set_faultless(false);
}

// --- what clients need

Connection& World::open(std::size_t client, const ClientPlan& plan) {
  return peers_.loops[chance_.below(peers_.loops.size())]->connect(client, {chance_.next(), ++sessions_}, plan.form,
                                                                   plan.kernel_bytes);
}

std::optional<hub::SessionId> World::some_session() {
  return clients_[chance_.below(clients_.size())]->session();
}

std::set<std::string> World::members_of(const std::string& channel) {
  std::set<std::string> members;
  for (const auto& client : clients_) {
    if (client->is_member_of(channel)) members.insert(client->session()->text());
  }
  return members;
}

}  // namespace crier::simulation
