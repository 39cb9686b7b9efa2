// What one shard's subscribers share: a channel, or a pattern, with those who subscribed to it here.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "broker/hub/backlog.hpp"
#include "broker/hub/chunk.hpp"
#include "broker/hub/inline_vector.hpp"
#include "broker/hub/named.hpp"
#include "broker/hub/subscriber.hpp"

namespace crier::hub {

// What came through a topic; there from its first message on.
struct Flow {
  // Of the last message: its offset and number at home (a channel's), and its number here. A message is
  // counted here whether or not somebody was live to get it.
  std::uint64_t offset = 0;
  std::uint64_t number = 0;
  std::uint64_t passed = 0;

  // What lagging subscribers without a history share, as long as there are any.
  std::unique_ptr<Backlog> backlog;
  std::uint32_t laggards = 0;

  // What the topic has said in this turn, while the turn is open.
  enum class Audience : std::uint8_t { nobody, subscribers, watchers } audience = Audience::nobody;
  std::size_t place = 0;  // in the table's list of open turns
  std::uint64_t receivers = 0;
  std::array<ChunkPtr, wire_form_count> chunks;
  std::vector<Subscription*> singles;  // who takes every message by itself
};

struct Topic final : Named<Topic> {
  Topic(std::size_t hash, bool is_pattern) : Named(hash), pattern(is_pattern) {}

  const bool pattern;
  InlineVector<Subscription*> subscriptions;  // in every state
  std::unique_ptr<Flow> flow;
};

}  // namespace crier::hub
