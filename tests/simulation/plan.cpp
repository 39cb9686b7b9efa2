#include "tests/simulation/plan.hpp"

#include <algorithm>

namespace crier::simulation {

namespace {

using testing::Chance;

constexpr std::size_t envelope_bytes = 1024;  // as the configuration's own rule has it

config::Namespace draw_namespace(Chance& chance) {
  config::Namespace settings;
  settings.overflow =
      chance.one_of({config::Overflow::disconnect, config::Overflow::drop_oldest, config::Overflow::conflate});
  settings.message_bytes_max = chance.one_of<std::size_t>({256, 1024, 4096, 16 * 1024});
  settings.compression = !chance.one_in(4);
  settings.history.messages = chance.one_of<std::size_t>({0, 0, 1, 3, 10, 100, 1000});
  settings.history.age = config::milliseconds(chance.one_of({200, 2'000, 60'000, 600'000}));
  settings.presence = chance.one_in(2);
  settings.presence_watch_max = chance.one_of<std::size_t>({0, 1, 2, 4, 1000});
  settings.idempotency_window = config::milliseconds(chance.one_of({1'000, 10'000, 120'000}));
  return settings;
}

std::string draw_name(Chance& chance, const std::string& space) {
  static constexpr const char* tokens[] = {"a", "b", "c", "news", "x"};
  std::string name = space.empty() ? "" : space + ":";
  const std::size_t count = chance.between(1, 3);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) name += '.';
    name += tokens[chance.below(std::size(tokens))];
  }
  return name;
}

std::string draw_pattern(Chance& chance, const std::string& space) {
  static constexpr const char* shapes[] = {">", "*", "a.*", "*.b", "news.>", "*.*", "a.>", "*.*.*"};
  return (space.empty() ? "" : space + ":") + shapes[chance.below(std::size(shapes))];
}

void draw_limits(Chance& chance, Plan& plan) {
  std::size_t message_bytes_max = 0;
  for (const auto& [name, settings] : plan.config.namespaces) {
    message_bytes_max = std::max(message_bytes_max, settings.message_bytes_max);
  }
  const std::size_t least = message_bytes_max + envelope_bytes;
  config::Limits& limits = plan.config.limits;
  limits.outbox_bytes_max = least * chance.one_of<std::size_t>({1, 2, 4, 64});
  limits.outbox_total_bytes_max = plan.shards * limits.outbox_bytes_max * chance.one_of<std::size_t>({2, 16, 1024});
  limits.inflight_bytes_max = least * chance.one_of<std::size_t>({1, 1, 3, 64});
  plan.lane_bytes_max = least * chance.one_of<std::size_t>({1, 4, 64});
  limits.history_bytes_max = plan.shards * chance.one_of<std::size_t>({2'000, 20'000, 100'000'000, 100'000'000});
  limits.channels_max = plan.shards * chance.one_of<std::size_t>({2, 1000, 1000, 1000});
  limits.idempotency_keys_max = plan.shards * chance.one_of<std::size_t>({3, 1000, 1000});
  limits.channels_per_connection_max = chance.one_of<std::size_t>({3, 100});
  plan.config.engine.queue_bytes_max = least * chance.one_of<std::size_t>({1, 10, 1000, 1000});
  plan.config.engine.timeout = config::milliseconds(chance.one_of({1'000, 5'000}));
  plan.config.compression.min_bytes = chance.one_of<std::size_t>({16, 256});
}

void draw_names(Chance& chance, Plan& plan) {
  std::vector<std::string> spaces;
  for (const auto& [name, settings] : plan.config.namespaces) spaces.push_back(name == "default" ? "" : name);
  const std::size_t count = chance.between(1, 12);
  for (std::size_t i = 0; i < count; ++i)
    plan.channels.push_back(draw_name(chance, spaces[chance.below(spaces.size())]));
  std::sort(plan.channels.begin(), plan.channels.end());
  plan.channels.erase(std::unique(plan.channels.begin(), plan.channels.end()), plan.channels.end());
  const std::size_t patterns = chance.one_in(3) ? 0 : chance.between(1, 4);
  for (std::size_t i = 0; i < patterns; ++i) {
    plan.patterns.push_back(draw_pattern(chance, spaces[chance.below(spaces.size())]));
  }
}

ClientPlan draw_client(Chance& chance, const Plan& plan) {
  ClientPlan client;
  client.form =
      chance.one_of({hub::WireForm::json, hub::WireForm::json, hub::WireForm::json, hub::WireForm::cbor,
                     hub::WireForm::sse, hub::WireForm::json_deflate_full, hub::WireForm::json_deflate_small});
  client.healthy = chance.one_in(3);
  const std::size_t outbox = plan.config.limits.outbox_bytes_max;
  client.kernel_bytes = client.healthy ? std::size_t{1} << 30U : chance.one_of({std::size_t{500}, outbox / 4, outbox});
  client.patience = chance.one_of<std::size_t>({50, 500, 3000});
  return client;
}

std::string name_of(config::Overflow overflow) {
  switch (overflow) {
    case config::Overflow::disconnect: return "disconnect";
    case config::Overflow::drop_oldest: return "drop_oldest";
    case config::Overflow::conflate: return "conflate";
  }
  __builtin_unreachable();
}

}  // namespace

Plan draw_plan(std::uint64_t seed) {
  Chance chance(seed);
  Plan plan;
  plan.seed = seed;
  plan.shards = chance.one_of<std::size_t>({1, 2, 2, 3, 4, 8});
  plan.engine = chance.one_of({EngineType::memory, EngineType::memory, EngineType::late, EngineType::durable});
  plan.config.namespaces.clear();
  plan.config.namespaces["default"] = draw_namespace(chance);
  const std::size_t spaces = chance.between(0, 3);
  for (std::size_t i = 0; i < spaces; ++i) plan.config.namespaces["ns" + std::to_string(i)] = draw_namespace(chance);
  draw_limits(chance, plan);
  draw_names(chance, plan);
  const std::size_t clients = chance.between(2, 24);
  for (std::size_t i = 0; i < clients; ++i) plan.clients.push_back(draw_client(chance, plan));
  plan.data_bytes_max = chance.one_of<std::size_t>({20, 100, 100, 1000, 16 * 1024});
  plan.acts = chance.between(1, 4);
  plan.steps = chance.one_of<std::size_t>({300, 1000, 3000});
  plan.talk_percent = chance.one_of<std::size_t>({10, 30, 60});
  plan.publish_percent = chance.one_of<std::size_t>({30, 70, 90});
  plan.pace_us = chance.one_of<std::size_t>({10, 300, 5'000});
  plan.keys_drawn = chance.one_of<std::size_t>({2, 10, 1000});
  plan.engine_fails = plan.engine != EngineType::memory && chance.one_in(2);
  plan.engine_recovery_fails = plan.engine == EngineType::durable && chance.one_in(2);
  plan.epoch_changes = plan.engine != EngineType::memory && chance.one_in(3);
  plan.restarts = chance.one_in(2);
  plan.crashes = chance.one_in(3);
  return plan;
}

std::string Plan::text() const {
  static constexpr const char* engines[] = {"memory", "late", "durable"};
  const config::Limits& limits = config.limits;
  std::string out;
  const auto add = [&](const char* name, std::size_t value) {
    out += name;
    out += '=';
    out += std::to_string(value);
    out += ' ';
  };
  out += "engine=";
  out += engines[static_cast<std::size_t>(engine)];
  out += ' ';
  add("shards", shards);
  add("clients", clients.size());
  add("acts", acts);
  add("steps", steps);
  add("pace_us", pace_us);
  add("data", data_bytes_max);
  add("outbox", limits.outbox_bytes_max);
  add("inflight", limits.inflight_bytes_max);
  add("lane", lane_bytes_max);
  add("outbox_total", limits.outbox_total_bytes_max);
  add("history", limits.history_bytes_max);
  add("channels_max", limits.channels_max);
  add("keys_max", limits.idempotency_keys_max);
  add("engine_fails", engine_fails ? 1 : 0);
  add("epoch_changes", epoch_changes ? 1 : 0);
  add("restarts", restarts ? 1 : 0);
  add("crashes", crashes ? 1 : 0);
  for (const auto& [name, settings] : config.namespaces) {
    out += "\n  namespace " + name + ": " + name_of(settings.overflow) + ' ';
    add("history", settings.history.messages);
    add("age_ms", static_cast<std::size_t>(settings.history.age.count()));
    add("message", settings.message_bytes_max);
    add("presence", settings.presence ? 1 : 0);
    add("watch_max", settings.presence_watch_max);
    add("window_ms", static_cast<std::size_t>(settings.idempotency_window.count()));
  }
  out += "\n  channels:";
  for (const std::string& channel : channels) out += ' ' + channel;
  out += "\n  patterns:";
  for (const std::string& pattern : patterns) out += ' ' + pattern;
  return out;
}

}  // namespace crier::simulation
