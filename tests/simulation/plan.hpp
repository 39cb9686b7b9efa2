// The parameters of one world, all drawn from its seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/config/config.hpp"
#include "broker/hub/subscriber.hpp"
#include "tests/support/chance.hpp"

namespace crier::simulation {

enum class EngineType : std::uint8_t { memory, late, durable };

struct ClientPlan {
  hub::WireForm form = hub::WireForm::json;
  bool healthy = false;          // its socket takes everything at once
  std::size_t kernel_bytes = 0;  // what its socket takes before it is read
  std::size_t patience = 0;      // how long it stalls, when it does
};

struct Plan {
  std::uint64_t seed = 0;
  std::size_t shards = 1;
  EngineType engine = EngineType::memory;
  config::Config config;
  std::vector<std::string> channels;
  std::vector<std::string> patterns;
  std::vector<ClientPlan> clients;
  std::size_t data_bytes_max = 64;   // of a message, mostly; the namespace's limit bounds it too
  std::size_t acts = 3;              // each ends at rest
  std::size_t steps = 2000;          // of an act
  std::size_t talk_percent = 40;     // of the steps are a client's
  std::size_t publish_percent = 60;  // of what clients say
  std::size_t pace_us = 100;         // that pass with a step, about
  std::size_t lane_bytes_max = 1024 * 1024;
  std::size_t keys_drawn = 4;  // so many different idempotency keys a channel are in use at a time
  bool engine_fails = false;
  bool engine_recovery_fails = false;
  bool epoch_changes = false;
  bool restarts = false;
  bool crashes = false;

  [[nodiscard]] std::string text() const;
};

[[nodiscard]] Plan draw_plan(std::uint64_t seed);

}  // namespace crier::simulation
