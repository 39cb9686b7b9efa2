// A client that listens to server-sent events: the channels of its URL, and nothing else. No Asio, no clock.
//
// An event that tells where a channel stands has an id, which tells where the whole stream stands. So a
// browser that comes back with the id of the last event that it saw misses nothing in any channel, whatever
// the stream was in the middle of: each of its replays included.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/session/client.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::session {

class SseSession final : public Client {
 public:
  // `channels` are names and patterns, each once; `resume` holds where each of them stood, or nothing at all.
  SseSession(Environment& environment, Host& host, hub::SessionId id, std::vector<std::string> channels,
             std::vector<std::optional<command::Position>> resume);

  // Says when to come back, and welcome, then subscribes. `principal`: by the request's credential, whose own channels
  // are among `channels` already; null without one.
  void start(std::uint64_t retry_ms, PrincipalPtr principal = nullptr);
  // Why the stream ends, as an event.
  void tell(const Verdict& verdict);

  void deliver(const hub::ChunkPtr& chunk) override;
  void deliver_event(const hub::Subscription& subscription, const hub::ChunkPtr& chunk,
                     const hub::Message& message) override;

 private:
  void reply(const ReplySlot& slot, const command::Reply& reply) override;
  void push(const command::Push& push) override;
  void send_message(const hub::Subscription& subscription, const hub::Message& message) override;
  void on_start(const hub::Subscription& subscription, const std::optional<command::Position>& start) override;
  [[nodiscard]] bool acknowledges_everything() const override { return false; }
  [[nodiscard]] bool can_subscribe() const override { return true; }

  void send(std::string_view json);
  void move_past(const hub::Subscription& subscription, const hub::Message& message);
  void append_id(std::string& out) const;
  [[nodiscard]] bool may_resume(std::string_view channel) const;
  [[nodiscard]] std::optional<command::Position>& position_in(std::string_view channel);
  [[nodiscard]] std::string& out();

  std::vector<std::string> channels_;
  // Where the stream stands, in each channel; none where nothing is known yet, in a pattern, and in a channel
  // without a history.
  std::vector<std::optional<command::Position>> positions_;
  std::uint32_t mark_;
};

}  // namespace crier::session
