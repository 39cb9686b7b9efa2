// A connection after its upgrade: frames in both directions, heartbeat, the close handshake.
// Thread: its loop's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/net/connection.hpp"
#include "broker/net/transport.hpp"
#include "broker/session/websocket_session.hpp"
#include "protocol/websocket/handshake.hpp"
#include "protocol/websocket/message_assembler.hpp"

namespace crier::net {

inline constexpr std::string_view json_subprotocol = "crier.v1.json";
inline constexpr std::string_view cbor_subprotocol = "crier.v1.cbor";

// What both kinds of WebSocket have in common; they differ in what they do with a message.
class WebSocketTransport : public Transport {
 public:
  WebSocketTransport(Connection& connection, const websocket::Upgrade& upgrade);
  ~WebSocketTransport() override;

  [[nodiscard]] std::unique_ptr<Transport> on_bytes(std::span<char>& bytes) final;
  void on_peer_finished() final;
  void on_deadline(runtime::Tick now) final;
  [[nodiscard]] bool on_waiting(std::size_t bytes) override;
  void on_overflow() final;
  void on_drain(std::chrono::milliseconds /*in*/) override {}
  void on_shutdown() final;
  void on_reload() override {}
  void on_woken(runtime::Tick now) final;
  [[nodiscard]] Ending ending() const final { return ending_as_; }

 protected:
  virtual void on_message(const websocket::Message& message) = 0;
  // Environment::steady_ms at which on_time is wanted, if ever.
  [[nodiscard]] virtual std::optional<std::int64_t> own_deadline_ms() const { return std::nullopt; }
  virtual void on_time() {}
  // The connection is ending: nothing more may be sent to it.
  virtual void on_ending() {}
  // `reason` has static storage.
  void close(websocket::CloseCode code, std::string_view reason);
  void arm_deadline();
  void wake_at(runtime::Tick deadline);  // or before, where the session wants it
  void send(websocket::Opcode opcode, std::string_view payload, bool compressed = false);

  Connection& connection_;
  Ending ending_as_;
  bool deflate_ = false;
  websocket::DeflateWindow window_ = websocket::DeflateWindow::full;

 private:
  void end_with(websocket::CloseCode code, std::string_view reason, std::chrono::milliseconds patience,
                runtime::CloseReason counted_as);
  void on_close_frame(const websocket::CloseFrame& frame);

  bool ending_ = false;
  websocket::MessageAssembler assembler_;
};

// The broker's: messages are commands.
class BrokerTransport final : public WebSocketTransport {
 public:
  BrokerTransport(Connection& connection, const websocket::Upgrade& upgrade);
  void start(std::span<const session::ChannelAtConnect> channels, session::PrincipalPtr principal);
  [[nodiscard]] bool on_waiting(std::size_t bytes) override;
  void on_reload() override;
  void on_drain(std::chrono::milliseconds in) override;
  [[nodiscard]] bool on_handed_over() override;

 private:
  void on_message(const websocket::Message& message) override;
  [[nodiscard]] std::optional<std::int64_t> own_deadline_ms() const override;
  void on_time() override { session_->on_time(); }
  void on_ending() override { session_.reset(); }
  std::optional<session::WebSocketSession> session_;
};

// --echo: every message comes back as it came, for conformance suites.
class EchoTransport final : public WebSocketTransport {
 public:
  using WebSocketTransport::WebSocketTransport;

 private:
  void on_message(const websocket::Message& message) override;
};

}  // namespace crier::net
