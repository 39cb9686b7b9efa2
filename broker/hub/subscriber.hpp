// What the hub knows of a session: it takes chunks and answers. Lives on one shard's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "broker/hub/chunk.hpp"
#include "broker/hub/mail.hpp"
#include "protocol/base/check.hpp"

namespace crier::hub {

// The forms in which a push goes over the wire; each is encoded once a shard.
enum class WireForm : std::uint8_t { json, json_deflate_full, json_deflate_small, cbor, sse };
inline constexpr std::size_t wire_form_count = 5;

struct Topic;
class Subscriber;

// Where a subscription stands that gets nothing of what is said now, until it has caught up.
struct CatchUp {
  std::uint64_t after = 0;   // its last message: the offset, in a history
  std::uint64_t number = 0;  // and the number: the home's in a history (0: unknown), the topic's in a backlog
  bool backlog = false;      // it reads the topic's backlog on this shard, not the history at home
  bool replay = false;       // it is new, and has not lagged: what is evicted meanwhile is told, nothing else
  bool fetching = false;     // an answer is on its way
  bool excluded = false;     // messages passed that were not meant for it: what is missing is not all lost
};

// One session's interest in one channel, or in a pattern. Owned by the subscriber table.
struct Subscription {
  enum class State : std::uint32_t {
    pending,      // the home has not answered
    catching_up,  // see CatchUp
    live,         // messages from now on are its own
  };
  Subscriber* subscriber = nullptr;
  Topic* topic = nullptr;
  std::uint32_t serial = 0;      // of this shard, never reused within its wrap
  std::uint32_t place : 28 = 0;  // in the topic's list
  State state : 2 = State::pending;
  std::uint32_t watching : 1 = 0;        // wants joins and leaves
  std::uint32_t presence_stale : 1 = 0;  // has missed some: wants the members anew once it is live
  std::unique_ptr<CatchUp> catch_up;

  [[nodiscard]] bool live() const noexcept { return state == State::live; }
  [[nodiscard]] std::string_view name() const noexcept;  // of the channel, or the pattern
  [[nodiscard]] bool pattern() const noexcept;
};

class Subscriber {
 public:
  Subscriber() = default;
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  [[nodiscard]] const SessionId& id() const noexcept { return id_; }
  [[nodiscard]] WireForm form() const noexcept { return form_; }
  // As which services name it; "": nobody's session.
  [[nodiscard]] virtual std::string_view user() const noexcept { return {}; }

  // While the hub delivers; none of these may call back into it.
  // Takes a chunk that may still grow until the turn is over.
  virtual void deliver(const ChunkPtr& chunk) = 0;
  // Form sse: one message, in a chunk of its own that holds just its event without an id.
  virtual void deliver_event(const Subscription& /*subscription*/, const ChunkPtr& /*chunk*/,
                             const Message& /*message*/) {
    CRIER_ASSERT(false);
  }
  // What this subscription still had to get is gone, and its namespace wants it to end for that.
  virtual void on_lost(const Subscription& subscription) = 0;

  // Answers to what the session asked of the shard. These may call back into the shard. Credit for what is
  // answered has come back before.
  // False when no subscription of that serial is waiting any more.
  [[nodiscard]] virtual bool on_subscribed(SubscribeAnswer& answer) = 0;
  // All homes have answered: the subscription is live, or was refused and is gone.
  virtual void on_pattern(Subscription& subscription, const Error* refused) = 0;
  virtual void on_fetched(FetchAnswer& answer) = 0;
  virtual void on_history(HistoryAnswer& answer) = 0;
  virtual void on_presence(PresenceAnswer& answer) = 0;
  virtual void on_published(PublishAnswer& answer) = 0;
  virtual void on_epoch_change(Subscription& subscription, const command::Position& position) = 0;
  // The answers to Shard::list_channels and direct: to whoever uses them.
  virtual void on_channels(ChannelListing& /*listing*/) { CRIER_ASSERT(false); }
  virtual void on_directed(DirectiveOutcome& /*outcome*/) { CRIER_ASSERT(false); }
  virtual void on_credit(std::size_t bytes) = 0;

  // What a service has asked for. These may call back into the shard, but for attaching and detaching anybody.
  // The connection is to end. False: it does anyway, or there is none.
  [[nodiscard]] virtual bool on_disconnect() { return false; }
  // The subscription to this name, or to just this pattern, is to end at once. False: there is none.
  [[nodiscard]] virtual bool on_kick(std::string_view /*channel*/) { return false; }

 protected:
  ~Subscriber() = default;
  SessionId id_;
  WireForm form_ = WireForm::json;
};

}  // namespace crier::hub
