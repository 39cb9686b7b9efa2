// A client on a WebSocket: welcome, commands, replies and pushes as frames. No Asio, no clock.
#pragma once

#include <span>
#include <string_view>

#include "broker/session/channel_at_connect.hpp"
#include "broker/session/client.hpp"

namespace crier::session {

class WebSocketSession final : public Client {
 public:
  WebSocketSession(Environment& environment, Host& host, hub::SessionId id, hub::WireForm form);

  // Says welcome, then subscribes to the channels of the URL and of the token. `principal`: by the credential of the
  // handshake, null without one.
  void start(std::span<const ChannelAtConnect> channels, PrincipalPtr principal = nullptr);
  // One message: a command or an array of commands, as text or, where that was agreed on, as CBOR.
  void on_text(std::string_view message);
  void on_cbor(std::string_view message);
  void deliver(const hub::ChunkPtr& chunk) override;

 private:
  void reply(const ReplySlot& slot, const command::Reply& reply) override;
  void push(const command::Push& push) override;
  void send_message(const hub::Subscription& subscription, const hub::Message& message) override;
  [[nodiscard]] bool acknowledges_everything() const override { return false; }
  [[nodiscard]] bool can_subscribe() const override { return true; }
  void send(std::string_view json);
};

}  // namespace crier::session
