// What all sessions of one loop share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/auth/authenticator.hpp"
#include "broker/config/config.hpp"
#include "broker/hub/shard.hpp"
#include "broker/runtime/thread_metrics.hpp"
#include "protocol/command/cbor_reader.hpp"
#include "protocol/command/json_codec.hpp"

namespace crier::session {

struct Environment {
  const config::Config& config;
  hub::Shard& shard;
  runtime::ThreadMetrics& metrics;
  command::JsonCommandParser& parser;
  command::CborTranscoder& cbor;
  std::shared_ptr<const auth::Authenticator> authenticator = nullptr;  // never null where clients present credentials
  // Steady time of the read that is being handled, for the latency histogram.
  std::int64_t received_ns = 0;
  // Unix time, for tokens, and steady time, for how long they last; as of the loop's last tick.
  std::int64_t wall_s = 0;
  std::int64_t steady_ms = 0;
  // Another process has taken the broker's place: nothing is published or subscribed to here any more.
  bool handed_over = false;
  // For one reply at a time, so that replies take no memory of their own.
  std::string scratch = {};
};

}  // namespace crier::session
