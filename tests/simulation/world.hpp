// One world: loops, engines and clients under a scheduler whose only source of chance is the seed, and the
// model that watches them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/engine/memory_engine.hpp"
#include "broker/state/saved_state.hpp"
#include "tests/simulation/client.hpp"
#include "tests/simulation/loop.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/stay.hpp"
#include "tests/simulation/truth.hpp"
#include "tests/support/test_engine.hpp"

namespace crier::simulation {

struct Outcome {
  std::optional<Violation> violation;
  std::vector<std::string> story;  // what led to it, when it was told
  Seen seen;
  std::uint64_t accepted = 0;
  std::uint64_t digest = 0;
  std::string plan;
};

class World final : private Host {
 public:
  World(std::uint64_t seed, bool told, bool aloud);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  [[nodiscard]] Outcome run();

 private:
  // What may happen next, whoever causes it.
  struct Event {
    enum class Kind : std::uint8_t { turn, tick, engine, readable, writable, read } kind = Kind::turn;
    std::size_t loop = 0;
    Connection* connection = nullptr;
    Client* client = nullptr;
  };

  // --- world.cpp: what happens
  void step();
  void pass_time();
  void wait_seconds(std::size_t seconds);
  void collect_events();
  bool something_happens();
  void happen(const Event& event);
  void trouble_engines();
  void watch_limits();
  void bury_dead();
  void settle();
  [[nodiscard]] bool ended() const { return story_.violation().has_value(); }

  // --- world_life.cpp: beginnings and ends
  void begin_life(const state::SavedState* saved);
  void end_life();
  void lose_connections();
  void drain_loops();
  void restart();
  void crash();
  void change_epoch();
  void note_restart(const state::SavedState& saved);
  [[nodiscard]] std::string save();
  [[nodiscard]] std::unique_ptr<engine::Engine> make_engine(std::size_t shard, const std::string& epoch,
                                                            std::uint64_t start);
  [[nodiscard]] std::string new_epoch();

  // --- world_rest.cpp: what is true at rest
  void check_at_rest();
  void ask_at_rest();
  void check_gauges(bool everybody_left);
  void leave();

  [[nodiscard]] Connection& open(std::size_t client, const ClientPlan& plan) override;
  [[nodiscard]] std::optional<hub::SessionId> some_session() override;
  [[nodiscard]] std::uint64_t slow_consumers() const override { return peers_.slow_consumers; }
  [[nodiscard]] std::set<std::string> members_of(const std::string& channel) override;

  Plan plan_;
  testing::Chance chance_;
  Story story_;
  Clock clock_;
  Truth truth_;
  Model model_;
  std::vector<std::unique_ptr<engine::Engine>> engines_;
  std::vector<testing::TestEngine*> late_engines_;  // of these, those with a will of their own
  std::vector<std::size_t> silent_for_;             // steps, by engine
  testing::TestEngine::Stores stores_;              // between two lives
  Loop::Peers peers_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Event> events_;
  std::uint64_t sessions_ = 0;
  std::uint64_t epochs_ = 0;
};

}  // namespace crier::simulation
