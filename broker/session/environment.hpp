// What all sessions of one loop share.
#pragma once

#include <cstdint>
#include <string>

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
  // Steady time of the read that is being handled, for the latency histogram.
  std::int64_t received_ns = 0;
  // For one reply at a time, so that replies take no memory of their own.
  std::string scratch = {};
};

}  // namespace crier::session
