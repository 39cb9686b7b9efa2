// The home side of a shard: the channels whose order it decides.
//
// Every message of a channel passes its home, which asks the engine for its offset and, once the engine has
// accepted it and not before, keeps it in the channel's history and sends it to each shard with subscriptions.
// Offsets of one channel grow strictly and are not dense; numbers, the home's own, are dense.
//
// Everything that must meet a channel's messages at a definite point passes here too and is answered through
// the same lanes: subscriptions, replays, presence (I2).
//
// Owner: the shard. Thread: the shard's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/config/config.hpp"
#include "broker/engine/engine.hpp"
#include "broker/hub/busiest.hpp"
#include "broker/hub/home_channel.hpp"
#include "broker/hub/idempotency.hpp"
#include "broker/hub/mail.hpp"
#include "broker/hub/name_table.hpp"
#include "broker/hub/pattern_tree.hpp"
#include "broker/runtime/thread_metrics.hpp"
#include "broker/state/saved_state.hpp"

namespace crier::hub {

// Where a home puts what it has for a shard.
class DeliveryLanes {
 public:
  virtual void send_message(ShardId to, const MessagePtr& message) = 0;
  virtual void send_answer(ShardId to, Delivery answer) = 0;
  virtual void send_credit(ShardId to, SessionRef session, std::size_t bytes) = 0;

 protected:
  ~DeliveryLanes() = default;
};

// Its shares of the broker's limits.
struct HomeLimits {
  ShardId shard_count = 1;
  std::size_t channels_max = 1'000'000;
  std::size_t history_bytes_max = 256 * 1024 * 1024;
  std::size_t idempotency_keys_max = 100'000;
  std::size_t engine_queue_bytes_max = 64 * 1024 * 1024;
};

class Home final : private engine::Answers {
 public:
  Home(const config::Config& config, const HomeLimits& limits, DeliveryLanes& lanes, runtime::ThreadMetrics& metrics);
  ~Home();
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  // Before anything else: it must outlive the home, and answers to it from then on.
  void attach(engine::Engine& engine);
  [[nodiscard]] engine::Answers& answers() noexcept { return *this; }

  // Times are Now::wall_ms; and this is Now::stepped_ms, for what people and other processes see.
  void set_clock_step(std::int64_t stepped_ms) noexcept { stepped_ms_ = stepped_ms; }
  void handle(ShardId from, Request& request, std::int64_t now_ms);
  // What is said once for all that happened in a turn.
  void end_turn();
  // About once a second: what has grown old is forgotten, what has waited too long is answered.
  void tick(std::int64_t now_ms);

  // The configuration has changed under its reference, and these limits with it: every channel gets its settings anew.
  // Subscriptions that were made while a namespace had no presence are no members of it later.
  void reconfigure(const HomeLimits& limits);

  // For the state file, after everything else has ended: every channel with something to remember, and the
  // floor of all others.
  void save(const std::function<void(const state::SavedChannel&)>& visit) const;
  [[nodiscard]] std::uint64_t saved_floor() const;
  // No publish waits for the engine.
  [[nodiscard]] bool settled() const noexcept { return pending_.empty(); }
  [[nodiscard]] std::uint64_t fanned_out() const noexcept { return fanned_out_; }
  // One step of a walk through all channels, from the place that the last one answered; none: the walk is over.
  [[nodiscard]] std::optional<std::uint64_t> offer_to(Busiest& busiest, std::uint64_t place) const;
  // Before the first request: the floor first.
  void restore_floor(std::uint64_t floor);
  void restore(const state::SavedChannel& channel, std::int64_t now_ms);

 private:
  // A publish that the engine has not answered.
  struct PendingPublish {
    ShardId from = 0;
    PublishRequest request;
    HomeChannel& channel;
    std::int64_t time_ms = 0;
    bool timed_out = false;  // its publisher has been answered; the message may come nevertheless
  };
  // A subscription or a fetch that waits for what the engine still has.
  struct PendingRecovery {
    ShardId from = 0;
    std::variant<SubscribeRequest, FetchRequest> request;
    std::uint64_t after = 0;
    std::size_t bytes_max = 0;
    bool failed = false;  // is to be asked for again
  };

  // --- home.cpp: channels, subscriptions, patterns
  [[nodiscard]] HomeChannel* find(std::string_view name, std::size_t hash) const { return channels_.find(name, hash); }
  [[nodiscard]] HomeChannel* find_or_add(std::string_view name, std::size_t hash);  // null: channels_max
  HomeChannel& add(std::string_view name, std::size_t hash);
  [[nodiscard]] bool full() const;
  [[nodiscard]] static Error too_many_channels();
  void forget_if_done(HomeChannel& channel, bool make_room = false);
  [[nodiscard]] const config::Namespace& settings_of(std::string_view name) const;
  void subscribe(ShardId from, SubscribeRequest& request);
  void answer_subscribe(ShardId from, SubscribeRequest& request, HomeChannel& channel, std::optional<bool> recovered,
                        const engine::Recovered* more = nullptr);
  void refuse_subscribe(ShardId from, SubscribeRequest& request, Error why);
  void unsubscribe(ShardId from, const UnsubscribeRequest& request);
  void add_pattern(ShardId from, PatternRequest& request);
  void remove_pattern(ShardId from, const PatternRemoval& removal);
  void send(ShardId to, Answer answer);

  // --- home_publish.cpp
  void publish(ShardId from, PublishRequest& request);
  [[nodiscard]] bool settle_by_key(ShardId from, PublishRequest& request);
  void accept(ShardId from, PublishRequest& request, HomeChannel* channel, std::uint64_t offset, std::int64_t time_ms,
              bool answered);
  void refuse(ShardId from, PublishRequest& request, const Error& why,
              std::optional<std::int64_t> retry_after_s = std::nullopt);
  // Counts the message. Otherwise the seconds after which the channel's rate may allow it.
  [[nodiscard]] std::optional<std::int64_t> over_rate(HomeChannel* channel, const Message& draft);
  void free_key(PublishRequest& request, const Error& why);
  void acknowledge(ShardId from, PublishRequest& request, const MessagePtr& message);
  void send_outcome(ShardId to, SessionRef session, ReplyTag tag, std::string_view channel, std::size_t bytes,
                    Result<std::optional<command::Position>> position,
                    std::optional<std::int64_t> retry_after_s = std::nullopt);
  void fan_out(const HomeChannel* channel, const MessagePtr& message);
  void remember(HomeChannel& channel, const MessagePtr& message);
  [[nodiscard]] std::optional<command::Position> position_of(const config::Namespace& settings,
                                                             std::uint64_t offset) const;
  [[nodiscard]] static IdempotencyKey key_of(const PublishRequest& request);
  void on_stored(engine::Ticket ticket, Result<std::uint64_t> offset) override;
  void time_out_publishes();

  // --- home_replay.cpp
  [[nodiscard]] std::uint64_t floor_of(const HomeChannel& channel) const;
  [[nodiscard]] std::uint64_t& forgotten_floor(std::size_t hash);
  [[nodiscard]] static std::uint64_t number_at(const HomeChannel& channel, std::uint64_t offset);
  void fetch(ShardId from, FetchRequest& request);
  void history(ShardId from, HistoryRequest& request);
  [[nodiscard]] Result<HistoryPage> page_of(const HistoryRequest& request);
  void recover(ShardId from, std::variant<SubscribeRequest, FetchRequest> request, HomeChannel& channel,
               std::uint64_t after, std::size_t bytes_max);
  void on_recovered(engine::Ticket ticket, Result<engine::Recovered> recovered) override;
  void finish_fetch(ShardId from, const FetchRequest& request, HomeChannel& channel, engine::Recovered& recovered);
  void give_up_fetch(ShardId from, const FetchRequest& request);
  void retry_recoveries();
  void on_new_epoch(std::string epoch) override;

  // --- home_presence.cpp
  void join(HomeChannel& channel, const Member& member);
  void leave(HomeChannel& channel, const SessionId& session, std::uint32_t serial);
  [[nodiscard]] static MemberPage page_of(const HomeChannel& channel, const SessionId* after);
  void presence(ShardId from, PresenceRequest& request);
  void announce(HomeChannel& channel, PresenceEvent::Kind kind, const Member& member);

  // --- home_listing.cpp
  void list(ShardId from, ListRequest& request);
  void add_to(ChannelListing& listing, HomeChannel& channel);

  // --- home_upkeep.cpp
  void sweep(bool make_room);
  [[nodiscard]] std::uint32_t now_s() const noexcept { return static_cast<std::uint32_t>(now_ms_ / 1000); }

  const config::Config& config_;
  HomeLimits limits_;
  DeliveryLanes& lanes_;
  runtime::ThreadMetrics& metrics_;
  engine::Engine* engine_ = nullptr;
  std::int64_t now_ms_ = 0;
  std::int64_t stepped_ms_ = 0;

  HistoryBudget budget_;
  NameTable<HomeChannel> channels_;
  PatternTree<HomePattern> patterns_;
  IdempotencyKeys keys_;
  std::vector<HomeChannel*> counts_due_;
  std::size_t internal_channels_ = 0;
  std::size_t sweep_at_ = 0;  // a slot of channels_
  bool no_room_ = false;      // a sweep has looked for room in vain

  std::uint64_t fanned_out_ = 0;  // the highest offset of all channels
  // The newest offsets of channels that were forgotten, by hash: what is no longer known of a channel is
  // known of some thousandth of all channels together.
  std::vector<std::uint64_t> forgotten_;

  engine::Ticket next_ticket_ = 1;
  std::map<engine::Ticket, PendingPublish> pending_;  // in the order in which they were asked for
  std::size_t pending_bytes_ = 0;
  std::map<engine::Ticket, PendingRecovery> recoveries_;

  std::vector<ShardId> targets_;  // of the message in hand
};

}  // namespace crier::hub
