// One client's commands, carried out: the part that all transports have in common.
//
// Deterministic: no clock, no socket; answers come back through the shard. Owner: a transport.
// Thread: its loop's.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/permissions.hpp"
#include "broker/hub/inline_vector.hpp"
#include "broker/hub/subscriber.hpp"
#include "broker/runtime/pace.hpp"
#include "broker/session/environment.hpp"
#include "broker/session/host.hpp"
#include "protocol/command/command.hpp"
#include "protocol/command/reply.hpp"
#include "protocol/websocket/close_code.hpp"

namespace crier::session {

using PrincipalPtr = auth::Authenticator::PrincipalPtr;

// Why a connection may not go on.
struct Verdict {
  websocket::CloseCode code = websocket::CloseCode::unauthorized;
  std::string_view reason;  // of static storage
};

// Where a reply belongs: over HTTP to one command of one request, over WebSocket just to its id.
struct ReplySlot {
  std::uint32_t request = 0;
  std::uint32_t index = 0;
  command::CommandId id;
};

class Client : public hub::Subscriber {
 public:
  Client(Environment& environment, Host& host, hub::SessionId id);
  virtual ~Client();

  // After every attempt to write: so many bytes still wait for the socket. The time to let go of what can be
  // had later, and to go on with what was let go of. False: it is more than this client may keep, and nothing
  // of it can be let go of.
  [[nodiscard]] bool on_waiting(std::size_t bytes);

  // Null: it may go on. Otherwise it gets nothing but its end, at the first flush after it was decided.
  [[nodiscard]] const Verdict* verdict() const noexcept { return who_ && who_->verdict ? &*who_->verdict : nullptr; }
  // Environment::steady_ms from which on it wants on_time.
  [[nodiscard]] std::optional<std::int64_t> deadline_ms() const noexcept {
    return who_ && who_->deadline_ms != 0 ? std::optional(who_->deadline_ms) : std::nullopt;
  }
  void on_time();
  // The configuration or the keys have changed: what may no longer be ends.
  void on_reload();
  // The broker drains: this connection will be closed after `in`.
  void on_drain(std::chrono::milliseconds in);
  // See net::Transport::on_handed_over. Environment::handed_over is set by then.
  [[nodiscard]] bool on_handed_over();
  // Of the token; "" for everybody else.
  [[nodiscard]] std::string_view user() const noexcept final;

  void on_lost(const hub::Subscription& subscription) final;
  [[nodiscard]] bool on_subscribed(hub::SubscribeAnswer& answer) final;
  void on_pattern(hub::Subscription& subscription, const Error* refused) final;
  void on_fetched(hub::FetchAnswer& answer) final;
  void on_history(hub::HistoryAnswer& answer) final;
  void on_presence(hub::PresenceAnswer& answer) final;
  void on_published(hub::PublishAnswer& answer) final;
  void on_epoch_change(hub::Subscription& subscription, const command::Position& position) final;
  void on_channels(hub::ChannelListing& listing) final;
  void on_directed(hub::DirectiveOutcome& outcome) final;
  void on_credit(std::size_t bytes) final;
  [[nodiscard]] bool on_disconnect() final;
  [[nodiscard]] bool on_kick(std::string_view channel) final;

 protected:
  // Gives the reply to the client. Called in this thread, now or in a later turn.
  virtual void reply(const ReplySlot& slot, const command::Reply& reply) = 0;
  // Only with subscriptions: gives it a push, or a message that it catches up with.
  virtual void push(const command::Push& push) = 0;
  virtual void send_message(const hub::Subscription& subscription, const hub::Message& message) = 0;
  // Where a subscription's stream starts, before its first message.
  virtual void on_start(const hub::Subscription& /*subscription*/, const std::optional<command::Position>& /*start*/) {}
  // Does a publish without id get its `published` too?
  [[nodiscard]] virtual bool acknowledges_everything() const = 0;
  // Is there room for one more reply that is a list? Where replies wait for each other they add up.
  [[nodiscard]] virtual bool has_room_for_list() const { return true; }
  // May this transport hold subscriptions?
  [[nodiscard]] virtual bool can_subscribe() const = 0;

  // Runs a batch in order. `text` is the message that it was parsed from: when the session has as many
  // bytes on their way as it may, what is left of it is kept and waits for credit.
  void run_batch(std::span<const command::Command> commands, std::string_view text, std::uint32_t request);
  // As from `?channel=` in the URL: answered by a `subscribed` without id. A name, or a pattern.
  void subscribe_at_connect(std::string_view channel, std::optional<command::Position> since = std::nullopt);
  // Who it is, by a credential that was accepted before it said anything. Null: nobody, and where that is not
  // enough it has auth.auth_timeout to tell.
  void introduce(PrincipalPtr principal);
  // The same for each request of a client that has no connection of its own.
  void speak_for(PrincipalPtr principal);
  [[nodiscard]] const auth::Principal* principal() const noexcept { return who_ ? who_->principal.get() : nullptr; }
  // Of a token that will end; for welcome.
  [[nodiscard]] std::optional<std::int64_t> expires_in_s() const;
  [[nodiscard]] std::optional<std::string> user_if_any() const;
  void subscribe_to_claimed();
  // Counts and replies.
  void fail(const ReplySlot& slot, command::Op op, std::string_view channel, Error error,
            std::optional<std::int64_t> retry_after_s = std::nullopt);

  Environment& environment_;
  Host& host_;

 private:
  struct PendingSubscribe {
    std::uint32_t serial = 0;
    ReplySlot slot;
    bool past = false;  // it asked for history too
  };
  struct Broadcast {
    std::uint32_t number = 0;
    std::uint32_t open = 0;  // channels without a result
    ReplySlot slot;
    std::vector<command::PublishResult> results;
  };
  // Who a client is, and until when. Anonymous clients that may stay have none of it.
  struct Who {
    enum class Phase : std::uint8_t { waiting, valid, grace };  // for a token; by one; by one that has expired
    PrincipalPtr principal;                                     // null while waiting
    std::shared_ptr<const hub::Identity> identity;              // for presence; null without user
    Phase phase = Phase::valid;
    std::int64_t deadline_ms = 0;  // Environment::steady_ms at which the phase ends; 0: never
    runtime::Pace attempts;        // of `auth`
    std::optional<Verdict> verdict;
  };
  // How fast commands come, where that has a limit.
  struct Pacing {
    runtime::Pace pace;
    std::int64_t over_since_ms = 0;  // Environment::steady_ms; 0: never
    std::int64_t over_last_ms = 0;
  };
  // Where a batch stands: at a command and, in a broadcast, at a channel of it.
  struct Cursor {
    std::uint32_t request = 0;
    std::uint32_t command = 0;
    std::uint32_t channel = 0;
  };
  // A batch that waits for credit, with what its views point into.
  struct Suspended {
    std::string text;
    command::JsonCommandParser parser;
    std::span<const command::Command> commands;
    Cursor at;
  };
  // What only busy sessions need.
  struct Busy {
    std::unique_ptr<Suspended> suspended;
    std::vector<PendingSubscribe> subscribes;
    std::vector<Broadcast> broadcasts;
    std::uint32_t next_broadcast = 1;
    // Subscriptions that catch up take turns, one piece at a time, so that together they never bring more
    // than the outbox may hold.
    std::uint32_t catching_up = 0;
    std::uint32_t next_to_catch_up = 0;
    bool fetching = false;  // a piece is on its way
    bool lost = false;      // the connection is to end: a subscription missed what its namespace wants nobody to miss
    std::size_t tolerated = 0;  // bytes that already waited when everything was let go of
  };

  // client.cpp
  void run(const command::Command& command, std::uint32_t request, std::uint32_t index);
  [[nodiscard]] bool run_from(std::span<const command::Command> commands, Cursor& at);
  void continue_suspended();
  [[nodiscard]] bool within_pace(const ReplySlot& slot, const command::Command& command);
  void count_inflight(std::size_t bytes);
  void count_ok(command::Op op);
  [[nodiscard]] const config::Namespace& settings_of(std::string_view channel) const;
  [[nodiscard]] static hub::ReplyTag tag_of(ReplySlot slot);
  [[nodiscard]] Busy& busy();
  void rest();  // frees what only busy sessions need

  // client_drain.cpp
  [[nodiscard]] bool left_to_successor(const command::Command& command, const ReplySlot& slot);

  // client_auth.cpp
  void auth(const command::Auth& command, const ReplySlot& slot);
  void adopt(PrincipalPtr principal);
  void wait_for_token();
  [[nodiscard]] bool still_vouched_for(const auth::Principal& known) const;
  void expire();
  [[nodiscard]] Who& who();
  // Why no command but `auth` and the like runs now, if so.
  [[nodiscard]] std::optional<Error> refuse_now(command::Op op) const;
  [[nodiscard]] std::optional<Error> refuse(auth::Action action, std::string_view channel) const;
  [[nodiscard]] std::optional<Error> refuse_management() const;
  // Ends what the client may no longer have.
  void check_subscriptions();
  [[nodiscard]] bool replays(const hub::Subscription& subscription) const;
  // Ends the subscription at that place of the list, pending or live, because a right was taken away.
  void revoke(std::uint32_t at, const Error& why);
  // The same for any reason.
  void end_subscription(std::uint32_t at, const Error& why);
  void end(websocket::CloseCode code, std::string_view reason);

  // client_subscribe.cpp
  void subscribe(const command::Subscribe& command, ReplySlot slot);
  [[nodiscard]] std::optional<Error> refusal(const command::Subscribe& command) const;
  void unsubscribe(const command::Unsubscribe& command, const ReplySlot& slot);
  void end_pending(const hub::Subscription& subscription);
  [[nodiscard]] std::uint32_t find_subscription(std::string_view channel) const;
  [[nodiscard]] std::uint32_t find_serial(std::uint32_t serial) const;
  [[nodiscard]] std::optional<ReplySlot> take_pending(std::uint32_t serial);

  // client_catch_up.cpp
  void start_catching_up();
  void catch_up_further(std::size_t waiting_bytes);
  void read_backlog(hub::Subscription& subscription, std::size_t bytes_max);
  void caught_up(hub::Subscription& subscription);
  void gap(const hub::Subscription& subscription, std::optional<std::uint64_t> lost, bool conflated, bool exact);

  // client_publish.cpp
  void publish(const command::Publish& command, ReplySlot slot);
  void publish_one(std::string_view channel, const command::Publish& command, const config::Namespace& settings,
                   hub::ReplyTag tag);
  [[nodiscard]] std::string key_scope() const;
  [[nodiscard]] bool publish_broadcast(const command::Publish& command, const ReplySlot& slot, std::uint32_t& channel);
  [[nodiscard]] std::optional<Error> refuse_publish(std::string_view channel, const config::Namespace& settings,
                                                    std::string_view data) const;
  void tell_refused(const command::Publish& command, const ReplySlot& slot);
  [[nodiscard]] bool wants_acknowledgement(const ReplySlot& slot) const;
  void finish_part(const hub::ReplyTag& tag, std::optional<command::Position> position, std::optional<Error> error);
  void finish_broadcast_if_done(std::size_t at);

  // client_query.cpp
  void history(const command::History& command, ReplySlot slot);
  void presence(const command::Presence& command, ReplySlot slot);

  // client_manage.cpp
  void channels(const command::Channels& command, ReplySlot slot);
  void disconnect(const command::Disconnect& command, ReplySlot slot);
  void kick(const command::Kick& command, ReplySlot slot);
  template <class Target>
  void direct(const Target& target, command::Op op, std::string_view channel, ReplySlot slot);
  [[nodiscard]] std::shared_ptr<const hub::ChannelFilter> channel_filter() const;

  hub::SessionRef ref_;
  std::uint64_t inflight_bytes_ = 0;
  bool paused_ = false;
  bool publishes_ = false;  // has ever
  hub::InlineVector<hub::Subscription*> subscriptions_;
  std::unique_ptr<Busy> busy_;
  std::unique_ptr<Who> who_;
  std::unique_ptr<Pacing> pacing_;
};

[[nodiscard]] Error no_presence();

// The position that a message shows.
[[nodiscard]] std::optional<command::Position> position_of(const hub::Message& message);

}  // namespace crier::session
