// What shards say to each other. Two lanes for each pair of shards:
//
//   requests    to a channel's home; may wait there for credit
//   deliveries  from a home: messages, answers, credit; always taken at once, so that credit can never
//               wait behind what waits for credit
//
// Both are FIFO, and a shard talks to itself through the same two lanes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "broker/hub/message.hpp"
#include "protocol/base/result.hpp"
#include "protocol/command/command.hpp"

namespace crier::hub {

using ShardId = std::uint16_t;

// How a session recognises the answer to a publish: as it likes, the hub only carries it.
struct ReplyTag {
  enum class Kind : std::uint8_t { none, single, part } kind = Kind::none;  // none: no acknowledgement wanted
  std::uint32_t group = 0;                                                  // part: which broadcast or request
  std::uint32_t index = 0;                                                  // part: which of its channels or commands
  command::CommandId id;
};

// What a subscription on its way counts against its session's limit: more than it costs.
inline constexpr std::size_t subscribe_request_bytes = 512;

struct SubscribeRequest {
  SessionRef session;
  std::uint32_t serial = 0;  // of the subscription; with `session` it makes a stale answer recognisable
  std::size_t channel_hash = 0;
  std::string channel;
};
// Sent for every subscription that home has counted, once it ends, also by death.
struct UnsubscribeRequest {
  std::size_t channel_hash = 0;
  std::string channel;
};
struct PublishRequest {
  SessionRef session;
  MessageDraft draft;
  ReplyTag tag;
};
using Request = std::variant<PublishRequest, SubscribeRequest, UnsubscribeRequest>;

struct SubscribeAnswer {
  SessionRef session;
  std::uint32_t serial = 0;
  std::size_t channel_hash = 0;
  std::string channel;
  Result<command::Position> start;  // where the stream starts, or why there is none
};
struct PublishAnswer {
  SessionRef session;
  ReplyTag tag;
  MessagePtr message;  // sealed: its channel and position
};
// So many bytes of that session's publishes have been taken by their home.
struct SessionCredit {
  SessionRef session;
  std::size_t bytes = 0;
};
// So many bytes of deliveries have been taken by the shard that sends this.
struct LaneCredit {
  std::size_t bytes = 0;
};
using Delivery = std::variant<MessagePtr, PublishAnswer, SubscribeAnswer, SessionCredit, LaneCredit>;

// What one shard has for another after one turn.
struct Batch {
  ShardId from = 0;
  bool urgent = false;  // holds more than session credit, which can wait for company
  std::vector<Request> requests;
  std::vector<Delivery> deliveries;
  std::unique_ptr<Batch> next;
  [[nodiscard]] bool empty() const noexcept { return requests.empty() && deliveries.empty(); }
};

}  // namespace crier::hub
