// What is true once nothing is on its way, and once everybody has left.
#include <string>

#include "tests/simulation/world.hpp"

namespace crier::simulation {

namespace {

// Longer than any history or key lives, in steps that let every channel be looked at.
constexpr int last_ticks = 100;
constexpr std::int64_t last_tick_ns = 10'000'000'000;

}  // namespace

void World::check_at_rest() {
  for (const auto& client : clients_) client->check_at_rest();
  check_gauges(/*everybody_left=*/false);
}

void World::check_gauges(bool everybody_left) {
  std::int64_t subscriptions = 0;
  std::int64_t members = 0;
  std::int64_t channels = 0;
  for (std::size_t i = 0; i < peers_.loops.size(); ++i) {
    const runtime::ThreadMetrics& metrics = peers_.loops[i]->metrics();
    subscriptions += metrics.subscriptions.value();
    members += metrics.members.value();
    channels += metrics.channels.value();
    const auto expect_none = [&](const char* what, std::int64_t found) {
      if (found == 0) return;
      story_.violate(nobody, "", "at rest shard " + std::to_string(i) + " has " + std::to_string(found) + ' ' + what);
    };
    expect_none("lagging subscriptions", metrics.lagging.value());
    expect_none("requests that wait", metrics.requests_waiting.value());
    expect_none("bytes for the engine", metrics.engine_pending_bytes.value());
    // The gauge of the backlogs is as of the last turn's beginning.
    expect_none("bytes that wait for sockets or laggards",
                static_cast<std::int64_t>(peers_.loops[i]->shard().retained_bytes()));
  }
  std::int64_t true_members = 0;
  std::int64_t true_subscriptions = 0;
  for (const auto& client : clients_) true_subscriptions += static_cast<std::int64_t>(client->subscription_count());
  for (const auto& [name, channel] : truth_.channels()) {
    if (channel.settings->presence) true_members += static_cast<std::int64_t>(members_of(name).size());
  }
  const auto expect = [&](const char* what, std::int64_t found, std::int64_t expected) {
    if (found == expected) return;
    story_.violate(nobody, "",
                   "at rest there are " + std::to_string(expected) + ' ' + what + ", and the broker counts " +
                       std::to_string(found));
  };
  expect("members", members, true_members);
  expect("subscriptions", subscriptions, true_subscriptions);
  if (everybody_left) expect("channels with subscribers", channels, 0);
}

void World::ask_at_rest() {
  for (const auto& client : clients_) client->ask_at_rest();
  settle();
  if (!ended()) check_at_rest();
}

void World::leave() {
  for (const auto& client : clients_) {
    if (chance_.one_in(2)) client->leave_all();
  }
  settle();
  for (const auto& client : clients_) client->vanish();
  settle();
  if (ended()) return;
  check_gauges(/*everybody_left=*/true);
  for (int tick = 0; tick < last_ticks && !ended(); ++tick) {
    clock_.steady_ns += last_tick_ns;
    while (something_happens()) {
    }
  }
  for (std::size_t i = 0; i < peers_.loops.size(); ++i) {
    Loop& loop = *peers_.loops[i];
    if (loop.metrics().history_bytes.value() != 0 || loop.metrics().idempotency_keys.value() != 0) {
      story_.violate(nobody, "", "something that is too old was not forgotten");
    }
    loop.shard().home().save([&](const state::SavedChannel& channel) {
      story_.violate(nobody, channel.name, "a channel with nothing in it was not forgotten: " + channel.name);
    });
  }
}

}  // namespace crier::simulation
