// One client's commands, carried out: the part that WebSocket and HTTP have in common.
//
// Deterministic: no clock, no socket; answers come back through the shard. Owner: a transport.
// Thread: its loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/hub/inline_vector.hpp"
#include "broker/hub/subscriber.hpp"
#include "broker/session/environment.hpp"
#include "broker/session/host.hpp"
#include "protocol/command/command.hpp"
#include "protocol/command/reply.hpp"

namespace crier::session {

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

  [[nodiscard]] bool on_subscribed(std::uint32_t serial, const Result<command::Position>& start) final;
  void on_published(hub::ReplyTag& tag, const hub::Message& message) final;
  void on_credit(std::size_t bytes) final;

 protected:
  // Gives the reply to the client. Called in this thread, now or in a later turn.
  virtual void reply(const ReplySlot& slot, const command::Reply& reply) = 0;
  // Does a publish without id get its `published` too?
  [[nodiscard]] virtual bool acknowledges_everything() const = 0;
  // May this transport hold subscriptions?
  [[nodiscard]] virtual bool can_subscribe() const = 0;

  // Runs a batch in order. `text` is the message that it was parsed from: when the session has as many
  // bytes on their way as it may, what is left of it is kept and waits for credit.
  void run_batch(std::span<const command::Command> commands, std::string_view text, std::uint32_t request);
  // As from `?channel=` on the upgrade: answered by a `subscribed` without id.
  void subscribe_at_connect(std::string_view channel);
  // Counts and replies.
  void fail(const ReplySlot& slot, command::Op op, std::string_view channel, Error error);

  Environment& environment_;
  Host& host_;

 private:
  struct PendingSubscribe {
    std::uint32_t serial = 0;
    ReplySlot slot;
  };
  struct Broadcast {
    std::uint32_t number = 0;
    std::uint32_t open = 0;  // channels without a result
    ReplySlot slot;
    std::vector<command::PublishResult> results;
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
  };

  void subscribe(const command::Subscribe& command, ReplySlot slot);
  void unsubscribe(const command::Unsubscribe& command, const ReplySlot& slot);
  void publish(const command::Publish& command, ReplySlot slot);
  void publish_one(std::string_view channel, const command::Publish& command, const config::Namespace& settings,
                   hub::ReplyTag tag);
  [[nodiscard]] bool publish_broadcast(const command::Publish& command, const ReplySlot& slot, std::uint32_t& channel);
  void publish_unsupported(const command::Publish& command, const ReplySlot& slot);
  void finish_broadcast_if_done(std::size_t at);
  void unsupported(command::Op op, const ReplySlot& slot, std::string_view channel, std::string_view what);

  [[nodiscard]] bool may_subscribe(std::string_view channel, Error& why) const;
  [[nodiscard]] static bool may_publish(const config::Namespace& settings, std::string_view data, Error& why);
  [[nodiscard]] const config::Namespace& settings_of(std::string_view channel) const;
  void run(const command::Command& command, std::uint32_t request, std::uint32_t index);
  [[nodiscard]] bool run_from(std::span<const command::Command> commands, Cursor& at);
  void continue_suspended();
  void count_inflight(std::size_t bytes);
  [[nodiscard]] std::uint32_t find_subscription(std::string_view channel) const;
  [[nodiscard]] Busy& busy();
  void rest();  // frees what only busy sessions need

  hub::SessionRef ref_;
  std::uint64_t inflight_bytes_ = 0;
  bool paused_ = false;
  hub::InlineVector<hub::Subscription*> subscriptions_;
  std::unique_ptr<Busy> busy_;
};

}  // namespace crier::session
