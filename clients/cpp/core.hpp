// The client without its sockets: what to send when, what an answer means, when to connect again, which subscription
// goes on where. Events in, wishes to the Port out; deterministic. One thread.
//
// Handlers of the user's run within on_text, on_end, on_time, on_token and turn, never within the user's own calls.
// They may call anything but those; after abandon() none is called any more.
#pragma once

#include <crier/client.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "clients/cpp/outbox.hpp"
#include "clients/cpp/port.hpp"
#include "clients/cpp/verdict.hpp"
#include "protocol/command/command.hpp"
#include "protocol/command/json_codec.hpp"
#include "protocol/command/server_message.hpp"

namespace crier::client {

struct Subscription {
  enum class Phase : std::uint8_t {
    waiting,  // not asked for on this connection
    pending,  // asked for; what comes before the answer belongs to an older subscription of that name
    live,
  };

  std::string channel;
  SubscribeOptions options;
  SubscriptionHandlers handlers;
  std::string position;  // the newest that was seen, or `since`
  std::int64_t id = 0;   // of the `subscribe` on its way
  Phase phase = Phase::waiting;
  bool pattern = false;
  bool from_token = false;  // the broker subscribes it by itself
  bool was_live = false;
  bool renewed = false;  // on this connection: ended and begun anew, because the token had it already
};

class Core {
 public:
  // `options` are good (check_options); `port` outlives the core.
  Core(Port& port, Options options, ClientHandlers handlers);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // ---- The user's calls: see client.hpp.
  void start();
  void close(std::function<void()> done);
  void abandon() { abandoned_ = true; }
  [[nodiscard]] Result<void> publish(Publication publication, PublishHandler handler);
  [[nodiscard]] Result<void> publish_batch(std::vector<Publication> publications,
                                           std::function<void(std::vector<Result<Published>>)> handler);
  [[nodiscard]] Result<void> broadcast(std::vector<std::string> channels, Publication publication,
                                       ReplyHandler<std::vector<Result<Published>>> handler);
  void on_room(std::function<void()> handler);
  [[nodiscard]] Result<void> subscribe(std::string channel, SubscribeOptions options, SubscriptionHandlers handlers);
  [[nodiscard]] Result<void> unsubscribe(std::string_view channel);
  [[nodiscard]] std::string position(std::string_view channel) const;
  void pause(bool paused);
  [[nodiscard]] Result<void> history(const HistoryQuery& query, ReplyHandler<HistoryPage> handler);
  [[nodiscard]] Result<void> presence(const std::string& channel, const std::string& cursor,
                                      ReplyHandler<MembersPage> handler);
  [[nodiscard]] Result<void> channels(const ChannelsQuery& query, ReplyHandler<ChannelsPage> handler);
  [[nodiscard]] Result<void> disconnect(const Target& target, ReplyHandler<std::uint64_t> handler);
  [[nodiscard]] Result<void> kick(const std::string& channel, const Target& target,
                                  ReplyHandler<std::uint64_t> handler);
  [[nodiscard]] Result<void> ping(ReplyHandler<std::chrono::microseconds> handler);
  [[nodiscard]] const Outbox& outbox() const { return outbox_; }
  [[nodiscard]] State state() const { return state_; }

  // ---- The port's.
  void on_text(std::string_view text);
  void on_ready();
  void on_end(LinkEnd end);
  void on_time();
  void on_token(std::uint64_t question, Result<std::string> token);
  void turn();

 private:
  using Name = std::string_view;
  using SubscriptionPtr = std::shared_ptr<Subscription>;

  // core.cpp: the life of the connection
  void connect();
  void finish(std::optional<Error> error);
  void set_state(const StateChange& change);
  void lose(LinkEnd end);
  void retry(const LinkEnd& end);
  void renew_token(LinkEnd end, bool after_delay);
  void cut_off(LinkEnd end);
  void on_welcome(command::Welcome& welcome);
  [[nodiscard]] std::chrono::milliseconds up_to(std::chrono::milliseconds most);
  void plan_time();
  [[nodiscard]] bool put_off(TimePoint now);
  void call_waiting_for_room();
  void check_heartbeat(TimePoint now);
  void check_close(TimePoint now);

  // core_token.cpp
  void ask_token(TokenReason reason);
  void plan_refresh(std::optional<std::int64_t> expires_in_s);
  void send_auth(const std::string& token);
  void on_auth_answer(command::Reply* reply, const Error* error);

  // core_receive.cpp
  void on_message(const command::ReceivedMessage& message);
  void on_reply(command::Reply& reply);
  void on_push(command::Push& push);
  void on_error_reply(command::ErrorReply& reply);
  void on_subscribed(command::Subscribed& reply);
  void tell_of_too_many();
  void on_subscribe_refused(std::int64_t id, const command::ErrorReply& reply);
  void on_unsubscribed(const command::UnsubscribedPush& push);
  void on_gap(const command::Gap& gap);
  void on_presence_change(const PresenceChange& change);
  void end_subscription(const SubscriptionPtr& subscription, const Error& error);
  [[nodiscard]] SubscriptionPtr find(Name channel) const;

  // core_send.cpp
  void send_waiting();
  [[nodiscard]] bool append_command(std::string_view text);
  void send_subscribe(const SubscriptionPtr& subscription);
  void send_unsubscribe(Name channel);
  void send_subscriptions();
  void control(const command::Command& command);

  // core_commands.cpp
  [[nodiscard]] Result<std::string> write(const command::Command& command);
  [[nodiscard]] std::optional<Error> refuse_now() const;
  [[nodiscard]] Result<void> push(command::Command command, bool resend, Done done);
  [[nodiscard]] Result<void> push_text(std::string text, bool resend, Done done);
  [[nodiscard]] std::optional<Error> prepare(Publication& publication);
  [[nodiscard]] static command::Publish view_of(const Publication& publication);

  template <class Handler, class... Values>
  void call(const Handler& handler, Values&&... values) {
    if (!abandoned_ && handler) handler(std::forward<Values>(values)...);
  }
  void call_all(std::vector<Ended> ended);
  void tell(const Error& error) { call(handlers_.on_error, error); }

  Port& port_;
  const Options options_;
  const ClientHandlers handlers_;
  bool abandoned_ = false;

  // The connection.
  State state_ = State::waiting;
  bool started_ = false;
  bool worked_once_ = false;
  bool draining_ = false;
  bool told_of_too_many_ = false;
  bool closing_ = false;  // close() was called
  bool goodbye_ = false;  // the close frame is on its way
  bool paused_ = false;
  unsigned attempts_ = 0;  // since one has lasted
  TimePoint connected_at_{};
  std::chrono::seconds heartbeat_{0};
  std::optional<TimePoint> attempt_deadline_, retry_at_, pinged_at_, close_deadline_, refresh_at_, send_again_at_;
  TimePoint planned_at_ = TimePoint::max();  // on_time is due then
  std::optional<TimePoint> put_off_until_;   // since it came late
  std::optional<Error> last_failure_;        // since the last `welcome`
  std::vector<std::function<void()>> close_handlers_;

  // The token.
  std::string token_;
  std::optional<TimePoint> token_ends_at_;
  std::uint64_t question_ = 0;         // the last one that was asked
  std::uint64_t oldest_question_ = 1;  // that an answer may be to
  bool asking_ = false;                // and has no answer yet
  bool fresh_token_ = false;  // it was asked for because the one before was refused, and has not been taken yet
  std::optional<std::int64_t> auth_id_;

  // What is sent.
  Outbox outbox_;
  std::deque<std::string> control_;   // subscribes and the like: they go first, and are made anew after a cut
  std::int64_t control_id_ = 0;       // of the last one: below 0, so that no id of the outbox is like it
  std::size_t server_bytes_max_ = 0;  // a message's, by `welcome`; 0 while unknown
  std::size_t server_commands_max_ = command::commands_per_message_max;
  std::string batch_;  // scratch: the message that is being written
  std::string key_prefix_;
  std::uint64_t keys_made_ = 0;
  command::JsonCommandParser checker_;  // what the broker would say to a command
  struct WaitsForRoom {
    std::function<void()> handler;
    std::size_t bytes = 0;  // in the outbox, when it began to wait
  };
  std::vector<WaitsForRoom> room_handlers_;

  // What is received.
  command::ServerMessageReader reader_;
  std::map<std::string, SubscriptionPtr, std::less<>> subscriptions_;
  std::unordered_map<std::int64_t, SubscriptionPtr> subscribing_;  // by the id of the `subscribe` on its way
  std::multimap<TimePoint, std::string> subscribe_again_;          // after `rate_limited` and the like
};

// What cannot be configured, as a sentence; the core would not know what to do with it.
[[nodiscard]] std::optional<std::string> check_options(const Options& options);

[[nodiscard]] Error make_error(ErrorCode code, std::string message);
[[nodiscard]] Error to_error(const command::ErrorReply& reply);

}  // namespace crier::client
