// One shard's own subscribers by channel, and the fan-out to them.
//
// The first message of a channel in a turn gives every live subscriber a reference to a chunk; every
// further one is appended to that chunk, whatever the number of subscribers (I6). The turn of a channel
// ends, its chunk is sealed, before anything changes who may see the next message.
//
// Owner: the shard. Thread: the shard's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/hub/chunk.hpp"
#include "broker/hub/frame_encoder.hpp"
#include "broker/hub/inline_vector.hpp"
#include "broker/hub/name_table.hpp"
#include "broker/hub/subscriber.hpp"
#include "broker/runtime/thread_metrics.hpp"

namespace crier::hub {

// What a channel has said in this turn.
struct ChannelTurn {
  LocalChannel* channel = nullptr;
  std::size_t place = 0;  // in the table's list of open turns
  std::array<ChunkPtr, wire_form_count> chunks;
  std::uint64_t receivers = 0;
};

struct LocalChannel {
  LocalChannel(std::string_view name, std::size_t hash) : name_(name), hash_(hash) {}
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] std::size_t hash() const noexcept { return hash_; }

  InlineVector<Subscription*> subscriptions;  // live and pending ones
  std::unique_ptr<ChannelTurn> turn;

 private:
  std::string name_;
  std::size_t hash_;
};

class SubscriberTable {
 public:
  SubscriberTable(ChunkPool& pool, FrameEncoder& encoder, runtime::ThreadMetrics& metrics)
      : pool_(pool), encoder_(encoder), metrics_(metrics) {}

  // A pending subscription: it holds its place, and gets nothing until `make_live`.
  [[nodiscard]] Subscription& add(Subscriber& subscriber, std::string_view channel, std::size_t hash);
  void make_live(Subscription& subscription);
  // The subscription is gone afterwards, and no later message reaches it.
  void remove(Subscription& subscription);

  void deliver(const Message& message);

  // Ends every channel's turn; messages after this start new chunks. Must come before chunks are sent.
  void end_turn();
  // Bytes that this turn's chunks hold so far: the shard ends the turn early when they get many.
  [[nodiscard]] std::size_t turn_bytes() const noexcept { return turn_bytes_; }

  [[nodiscard]] std::size_t size() const noexcept { return channels_.size(); }

 private:
  void open_turn(LocalChannel& channel, const Message& message);
  void close_turn(LocalChannel& channel);
  void append(ChannelTurn& turn, const Message& message);

  ChunkPool& pool_;
  FrameEncoder& encoder_;
  runtime::ThreadMetrics& metrics_;
  NameTable<LocalChannel> channels_;
  std::vector<ChannelTurn*> open_turns_;
  std::vector<std::unique_ptr<ChannelTurn>> spare_turns_;
  std::size_t turn_bytes_ = 0;
  std::uint32_t next_serial_ = 1;
};

}  // namespace crier::hub
