// One shard's own subscribers by channel and pattern, and the fan-out to them.
//
// The first message of a topic in a turn gives every live subscriber a reference to a chunk; every further
// one is appended to that chunk, whatever the number of subscribers (I6). The turn of a topic ends, its chunk
// is sealed, before anything changes who may see the next message.
//
// A subscriber that lags holds no messages of its own: it holds where it stands, and catches up from the
// channel's history at home or, where there is none, from a backlog that all who lag here share.
//
// Owner: the shard. Thread: the shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/config.hpp"
#include "broker/hub/chunk.hpp"
#include "broker/hub/frame_encoder.hpp"
#include "broker/hub/name_table.hpp"
#include "broker/hub/pattern_tree.hpp"
#include "broker/hub/subscriber.hpp"
#include "broker/hub/topic.hpp"
#include "broker/runtime/thread_metrics.hpp"

namespace crier::hub {

struct BacklogLimits {
  std::size_t topic_bytes_max = 1024 * 1024;
  std::size_t total_bytes_max = 256 * 1024 * 1024;  // of all topics of the shard
};

class SubscriberTable {
 public:
  SubscriberTable(ChunkPool& pool, FrameEncoder& encoder, const config::Config& config, BacklogLimits limits,
                  runtime::ThreadMetrics& metrics)
      : pool_(pool), encoder_(encoder), config_(config), limits_(limits), metrics_(metrics) {}

  void set_limits(const BacklogLimits& limits) noexcept { limits_ = limits; }

  // A pending subscription: it holds its place, and gets nothing until `make_live`.
  [[nodiscard]] Subscription& add(Subscriber& subscriber, std::string_view name, std::size_t hash, bool pattern);
  // `through`, `number`: the home's answer says that everything up to there has passed, here or before this
  // shard had an interest. 0: a pattern, or a subscription that goes on where it lagged.
  void make_live(Subscription& subscription, std::uint64_t through = 0, std::uint64_t number = 0);
  // The stream begins behind a position: what is replayed comes first.
  void start_replay(Subscription& subscription, std::uint64_t after, std::uint64_t number);
  // The subscription is gone afterwards, and no later message reaches it.
  void remove(Subscription& subscription);

  // From now on the subscription gets nothing but what it catches up with. False when its namespace has no way
  // to catch up, or when nothing has come through it that could have been too much.
  [[nodiscard]] bool lag(Subscription& subscription);
  // The next piece of a backlog; when it was the last one, the subscription is live.
  [[nodiscard]] Backlog::Read read_backlog(Subscription& subscription, std::size_t bytes_max);

  void deliver(const MessagePtr& message);
  void deliver_presence(const PresenceEvent& event);
  // A watcher has the members anew: joins and leaves from now on are its own.
  void refresh_presence(Subscription& subscription);
  void change_epoch(const EpochChange& change);

  // Ends every topic's turn; messages after this start new chunks. Must come before chunks are sent.
  void end_turn();
  // Bytes that this turn's chunks hold so far: the shard ends the turn early when they get many.
  [[nodiscard]] std::size_t turn_bytes() const noexcept { return turn_bytes_; }
  [[nodiscard]] std::size_t backlog_bytes() const noexcept { return backlog_bytes_; }

  [[nodiscard]] std::size_t size() const noexcept { return channels_.size() + patterns_.size(); }
  [[nodiscard]] FrameEncoder& encoder() noexcept { return encoder_; }

 private:
  void deliver_to(Topic& topic, const MessagePtr& message);
  void open_turn(Topic& topic, Flow::Audience audience, const Message* message);
  void close_turn(Topic& topic);
  void append(Topic& topic, const Message& message);
  void append_backlog(Flow& flow, const MessagePtr& message);
  void stop_reading_backlog(Subscription& subscription);
  static void pass(Topic& topic, std::uint64_t through, std::uint64_t number);
  void note_missed(Subscription& subscription, const Message& message);
  [[nodiscard]] const config::Namespace& settings_of(const Topic& topic) const;

  ChunkPool& pool_;
  FrameEncoder& encoder_;
  const config::Config& config_;
  BacklogLimits limits_;
  runtime::ThreadMetrics& metrics_;
  NameTable<Topic> channels_;
  PatternTree<Topic> patterns_;
  std::vector<Topic*> open_turns_;
  std::string scratch_;
  std::size_t turn_bytes_ = 0;
  std::size_t backlog_bytes_ = 0;
  std::uint32_t next_serial_ = 1;
};

}  // namespace crier::hub
