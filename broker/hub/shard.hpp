// One shard of the broker: the state of one loop. No other thread ever touches it (I1); others post
// batches, which the shard's own thread hands to `receive`.
//
// Deterministic (I5): time is handed in, and everything that leaves goes through `Surroundings`.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/config/config.hpp"
#include "broker/engine/engine.hpp"
#include "broker/hub/chunk.hpp"
#include "broker/hub/frame_encoder.hpp"
#include "broker/hub/home.hpp"
#include "broker/hub/mail.hpp"
#include "broker/hub/subscriber.hpp"
#include "broker/hub/subscriber_table.hpp"
#include "broker/runtime/owning_thread.hpp"
#include "broker/runtime/thread_metrics.hpp"

namespace crier::hub {

struct ShardSettings {
  ShardId self = 0;
  ShardId shard_count = 1;
  HomeLimits home;
  BacklogLimits backlog;
  std::size_t inflight_bytes_max = 1024 * 1024;  // a session's publishes on their way
  std::size_t lane_bytes_max = 1024 * 1024;      // deliveries to one other shard that it has not taken yet
  CompressionSettings compression;
};

// `steady_ns` for latencies. `wall_ms` began as the wall clock's time and has gone on steadily since: ages, limits and
// windows are in it, so that a clock that is set forgets nothing and keeps nothing. The time for people is
// `wall_ms + stepped_ms`.
struct Now {
  std::int64_t steady_ns = 0;
  std::int64_t wall_ms = 0;
  std::int64_t stepped_ms = 0;  // by so much the wall clock was set since

  // What people and other processes see.
  [[nodiscard]] std::int64_t shown_ms() const noexcept { return wall_ms + stepped_ms; }
};

// What a shard needs of the world. Called on the shard's thread.
class Surroundings {
 public:
  // Puts a batch into another shard's inbox and wakes it when needed.
  virtual void post(ShardId to, std::unique_ptr<Batch> batch) = 0;
  // The shard has work for itself: `run_turn` is to be called soon, once.
  virtual void want_turn() = 0;
  // Sends what this turn's chunks hold, so that one turn's memory stays bounded. All chunks are sealed.
  virtual void flush() = 0;

 protected:
  ~Surroundings() = default;
};

class Shard final : private DeliveryLanes {
 public:
  // The configuration and the engine outlive the shard.
  Shard(const ShardSettings& settings, const config::Config& config, engine::Engine& engine, Surroundings& surroundings,
        runtime::ThreadMetrics& metrics);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // The thread that calls this owns the shard from now on.
  void bind_to_this_thread() noexcept { thread_.bind(); }

  // The configuration has changed under its reference: `settings` are what follows from it for this shard. Its place
  // among the shards stays.
  void reconfigure(const ShardSettings& settings);

  // A session is known to the shard between the two; its subscriptions end before `detach`.
  [[nodiscard]] SessionRef attach(Subscriber& subscriber);
  void detach(SessionRef session);

  // What a subscription may ask for beside the messages from now on.
  struct SubscribeOptions {
    std::optional<command::Position> since;
    std::optional<std::uint64_t> last;
    std::shared_ptr<const Identity> identity;
    bool watch = false;
  };
  // The answer comes as Subscriber::on_subscribed with the subscription's serial.
  [[nodiscard]] Subscription& subscribe(Subscriber& subscriber, SessionRef session, std::string_view channel,
                                        SubscribeOptions options);
  // Every home has to agree; the answer comes as Subscriber::on_pattern.
  [[nodiscard]] Subscription& subscribe_pattern(Subscriber& subscriber, SessionRef session, std::string_view pattern);
  // After it no message of the subscription follows; the object is gone.
  void unsubscribe(Subscription& subscription);
  // The home has answered, with a position and a number: messages from now on are the subscription's own.
  void make_live(Subscription& subscription, std::uint64_t through = 0, std::uint64_t number = 0);
  // The home has answered, and there is a past to tell first: `fetch` gets it.
  void start_replay(Subscription& subscription, std::uint64_t after, std::uint64_t number);
  // A subscription that the home refused: gone without telling the home, which never counted it.
  void forget(Subscription& subscription);

  // See SubscriberTable::lag. Not while the hub delivers.
  [[nodiscard]] bool lag(Subscription& subscription);
  // The next piece of the history behind a subscription that catches up; Subscriber::on_fetched brings it.
  void fetch(Subscription& subscription, SessionRef session, std::size_t bytes_max);
  // The next piece of its backlog; with the last one it is live.
  [[nodiscard]] Backlog::Read read_backlog(Subscription& subscription, std::size_t bytes_max);

  // Answered by Subscriber::on_channels; it begins, or goes on, at `listing->next`.
  void list_channels(std::unique_ptr<ChannelListing> listing);
  // To all shards; answered by Subscriber::on_directed. Sessions may be meant that ask for it themselves.
  void direct(SessionRef session, ReplyTag tag, DirectiveRequest directive);

  // Answered by Subscriber::on_history and on_presence.
  void history(HistoryRequest request);
  void presence(PresenceRequest request);
  void refresh_presence(Subscription& subscription) { subscribers_.refresh_presence(subscription); }

  // The answer comes as Subscriber::on_published, unless the tag wants none; the draft's bytes come
  // back as credit either way.
  void publish(SessionRef session, MessageDraft draft, ReplyTag tag,
               std::unique_ptr<PublishRequest::Key> key = nullptr);

  // Batches of other shards, linked by `next`, oldest first. `run_turn` must follow.
  void receive(std::unique_ptr<Batch> batches);
  // Handles all there is, posts what others are to get, and seals this turn's chunks.
  void run_turn(Now now);
  // Has something come up since the turn that another turn would handle?
  [[nodiscard]] bool has_work() const noexcept { return turn_wanted_; }
  // No request waits, for a lane or for the engine.
  [[nodiscard]] bool settled() const noexcept { return waiting_.empty() && home_.settled(); }
  // About once a second.
  void tick(Now now);
  // What the engine has to say is said to this, on the shard's thread.
  [[nodiscard]] engine::Answers& engine_answers() noexcept { return home_.answers(); }

  // This turn's chunks have been offered to their sockets: their latencies count.
  void note_written(std::int64_t steady_ns);

  [[nodiscard]] ChunkPool& chunks() noexcept { return pool_; }
  [[nodiscard]] FrameEncoder& encoder() noexcept { return encoder_; }
  // For the state file, when no thread runs the shard.
  [[nodiscard]] Home& home() noexcept { return home_; }
  // Waiting for sockets or for laggards.
  [[nodiscard]] std::size_t retained_bytes() const noexcept {
    return pool_.retained_bytes() + subscribers_.backlog_bytes();
  }
  [[nodiscard]] ShardId home_of(std::size_t channel_hash) const noexcept {
    return static_cast<ShardId>((channel_hash >> 32) % settings_.shard_count);
  }
  [[nodiscard]] const ShardSettings& settings() const noexcept { return settings_; }
  [[nodiscard]] runtime::ThreadMetrics& metrics() noexcept { return metrics_; }

 private:
  struct Slot {
    Subscriber* subscriber = nullptr;
    std::uint32_t generation = 1;
  };
  // A pattern subscription that some homes have not answered (design rule 14).
  struct PendingPattern {
    Subscription* subscription = nullptr;  // null: it has ended meanwhile
    std::size_t open = 0;
    std::vector<ShardId> accepted;
    std::optional<Error> refused;
  };
  // A directive that some shards have not answered.
  struct PendingDirective {
    DirectiveOutcome outcome;
    std::size_t open = 0;
  };
  struct WaitingRequests {
    ShardId from = 0;
    std::vector<Request> requests;
    std::size_t next = 0;
  };

  void send_message(ShardId to, const MessagePtr& message) override;
  void send_answer(ShardId to, Delivery answer) override;
  void send_credit(ShardId to, SessionRef session, std::size_t bytes) override;

  void want_turn();
  [[nodiscard]] Batch& batch_for(ShardId to);
  [[nodiscard]] Batch& outgoing(ShardId to);  // and it must go at the end of this turn
  void recycle(std::unique_ptr<Batch> batch);
  [[nodiscard]] Subscriber* find(SessionRef session) const noexcept;
  void take_batch(Batch& batch);
  void take_delivery(ShardId from, Delivery& delivery);
  void take_answer(ShardId from, Answer& answer);
  void take_published(PublishAnswer& answer);
  void take_subscribe_answer(SubscribeAnswer& answer);
  void take_pattern_answer(ShardId from, PatternAnswer& answer);
  void take_list_answer(ListAnswer& answer);
  void take_directive(ShardId from, const DirectiveRequest& directive);
  void take_directive_answer(const DirectiveAnswer& answer);
  void take_message(const MessagePtr& message);
  void request(ShardId to, ControlRequest request);
  [[nodiscard]] bool take_requests(std::int64_t now_ms);
  [[nodiscard]] bool lanes_full() const noexcept { return full_lanes_ > 0; }
  void return_lane_credit(ShardId from, std::size_t bytes);
  void count_lane(ShardId to, std::size_t added, std::size_t taken);
  void post_outgoing();

  ShardSettings settings_;
  Surroundings& surroundings_;
  runtime::ThreadMetrics& metrics_;
  runtime::OwningThread thread_;
  ChunkPool pool_;
  FrameEncoder encoder_;
  SubscriberTable subscribers_;
  Home home_;

  std::map<std::uint32_t, PendingPattern> pending_patterns_;  // by serial
  std::map<std::uint32_t, PendingDirective> pending_directives_;
  std::uint32_t next_directive_ = 0;

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;

  std::vector<std::unique_ptr<Batch>> outgoing_;  // by shard; null when there is nothing
  std::vector<std::size_t> held_credit_;          // by shard: session credit in a batch that need not go yet
  std::vector<std::size_t> lane_outstanding_;     // by shard: delivery bytes that it has not taken yet
  std::vector<std::size_t> lane_owed_;            // by shard: delivery bytes taken from it and not yet told
  std::size_t full_lanes_ = 0;
  std::unique_ptr<Batch> spare_;         // the self-batch of the turn before, for its memory
  std::vector<Request> spare_requests_;  // likewise
  std::deque<WaitingRequests> waiting_;
  bool turn_wanted_ = false;

  // Messages of this turn by the time they were received: runs of equal times, as one read brings many.
  std::vector<std::pair<std::int64_t, std::uint64_t>> received_;
};

}  // namespace crier::hub
