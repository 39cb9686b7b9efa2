#include "broker/net/websocket_transport.hpp"

#include <algorithm>

#include "broker/net/worker.hpp"
#include "protocol/websocket/frame_writer.hpp"

namespace crier::net {

namespace {

constexpr std::chrono::milliseconds close_patience = std::chrono::seconds{1};
constexpr std::chrono::milliseconds slow_consumer_patience = std::chrono::seconds{5};

// RFC 6455 7.4.2: for applications; ours are 4000 and up.
constexpr std::uint16_t private_codes_from = 3000;

runtime::CloseReason reason_of(websocket::CloseCode code) {
  return runtime::close_reason(websocket::to_string(code));
}

// CBOR is never compressed: one more form for each window would seldom be worth its work.
hub::WireForm form_for(const websocket::Upgrade& upgrade) {
  if (upgrade.subprotocol == cbor_subprotocol) return hub::WireForm::cbor;
  if (!upgrade.deflate) return hub::WireForm::json;
  return upgrade.deflate->window == websocket::DeflateWindow::full ? hub::WireForm::json_deflate_full
                                                                   : hub::WireForm::json_deflate_small;
}

}  // namespace

WebSocketTransport::WebSocketTransport(Connection& connection, const websocket::Upgrade& upgrade)
    : connection_(connection),
      deflate_(upgrade.deflate.has_value()),
      assembler_(websocket::Role::server, connection.worker().config().limits.incoming_bytes_max, deflate_) {
  if (upgrade.deflate) window_ = upgrade.deflate->window;
  connection_.worker().metrics().websockets.add(1);
  connection_.set_deadline(connection_.worker().wheel().now() + ticks(connection_.worker().config().limits.heartbeat));
}

WebSocketTransport::~WebSocketTransport() {
  connection_.worker().metrics().websockets.add(-1);
}

std::unique_ptr<Transport> WebSocketTransport::on_bytes(std::span<char>& bytes) {
  bool more = true;
  while (more && !ending_ && !connection_.reading_paused()) {
    std::visit(Overloaded{
                   [&](const websocket::Starved&) { more = false; },
                   [&](const websocket::Message& message) { on_message(message); },
                   [&](const websocket::Ping& ping) { send(websocket::Opcode::pong, ping.payload); },
                   [&](const websocket::Pong&) {},
                   [&](const websocket::CloseFrame& frame) { on_close_frame(frame); },
                   [&](websocket::FrameError error) {
                     const websocket::FrameFault fault = websocket::describe(error);
                     close(fault.code, fault.reason);
                   },
               },
               assembler_.next(bytes, &connection_.worker().inflater()));
  }
  return nullptr;
}

void WebSocketTransport::on_close_frame(const websocket::CloseFrame& frame) {
  // What a client says with one of our own codes is not what they mean in our metrics.
  const bool own = static_cast<std::uint16_t>(frame.code) >= private_codes_from;
  // RFC 6455 5.5.1: the answer typically echoes the code.
  end_with(frame.code, "", close_patience, own ? runtime::CloseReason::other : reason_of(frame.code));
}

void WebSocketTransport::on_peer_finished() {
  // No close frame: what is queued may still be read, but there is nobody to say goodbye to.
  ending_ = true;
  on_ending();
  connection_.finish({close_patience});
}

void WebSocketTransport::on_deadline(runtime::Tick now) {
  const config::Limits& limits = connection_.worker().config().limits;
  on_time();
  if (connection_.reading_paused()) return wake_at(now + ticks(limits.heartbeat));
  const runtime::Tick silent = now - connection_.last_heard();
  if (silent >= ticks(limits.idle_timeout)) {
    return close(websocket::CloseCode::heartbeat_timeout, "nothing heard and pings unanswered");
  }
  if (silent >= ticks(limits.heartbeat)) {
    send(websocket::Opcode::ping, "");
    connection_.worker().metrics().heartbeats.add();
  }
  arm_deadline();
}

void WebSocketTransport::on_woken(runtime::Tick /*now*/) {
  if (ending_) return;
  on_time();
  arm_deadline();
}

// The next ping, the end of waiting for its answer, or what the session waits for: whichever is first.
void WebSocketTransport::arm_deadline() {
  const config::Limits& limits = connection_.worker().config().limits;
  const runtime::Tick now = connection_.worker().wheel().now();
  const runtime::Tick heard = connection_.last_heard();
  const bool pinged = now - heard >= ticks(limits.heartbeat);
  wake_at(pinged ? std::min(now + ticks(limits.heartbeat), heard + ticks(limits.idle_timeout))
                 : heard + ticks(limits.heartbeat));
}

void WebSocketTransport::wake_at(runtime::Tick deadline) {
  if (const auto own = own_deadline_ms()) deadline = std::min(deadline, connection_.worker().tick_at(*own));
  connection_.set_deadline(deadline);
}

bool WebSocketTransport::on_waiting(std::size_t bytes) {
  return bytes <= connection_.worker().config().limits.outbox_bytes_max;
}

void WebSocketTransport::on_overflow() {
  Worker& worker = connection_.worker();
  worker.metrics().dropped_slow_consumer.add(connection_.outbox().drop_all_but_frame_in_hand(worker.shard().chunks()));
  end_with(websocket::CloseCode::slow_consumer, "reads too slowly: limits.outbox_bytes_max", slow_consumer_patience,
           runtime::CloseReason::slow_consumer);
}

void WebSocketTransport::on_shutdown() {
  close(websocket::CloseCode::service_restart, "the broker stops");
}

void WebSocketTransport::close(websocket::CloseCode code, std::string_view reason) {
  end_with(code, reason, close_patience, reason_of(code));
}

void WebSocketTransport::end_with(websocket::CloseCode code, std::string_view reason,
                                  std::chrono::milliseconds patience, runtime::CloseReason counted_as) {
  if (ending_) return;
  ending_ = true;
  ending_as_.reason = counted_as;
  ending_as_.detail = reason;
  on_ending();
  send(websocket::Opcode::close, websocket::close_payload(code, reason));
  connection_.finish({patience});
}

void WebSocketTransport::send(websocket::Opcode opcode, std::string_view payload, bool compressed) {
  websocket::append_server_frame(connection_.outbox().own(connection_.worker().shard().chunks()), opcode, payload,
                                 compressed);
  connection_.want_flush();
}

// --- the broker's

BrokerTransport::BrokerTransport(Connection& connection, const websocket::Upgrade& upgrade)
    : WebSocketTransport(connection, upgrade) {
  ending_as_.session = connection.worker().new_session_id();
  session_.emplace(connection.worker().environment(), connection, *ending_as_.session, form_for(upgrade));
}

void BrokerTransport::start(std::span<const session::ChannelAtConnect> channels, session::PrincipalPtr principal) {
  session_->start(channels, std::move(principal));
}

// Where the session is on no stack: the place for its end.
bool BrokerTransport::on_waiting(std::size_t bytes) {
  if (!session_) return true;
  if (const session::Verdict* const verdict = session_->verdict()) {
    const session::Verdict last = *verdict;
    close(last.code, last.reason);
    return true;
  }
  // A token that came in may have moved it.
  const auto own = session_->deadline_ms();
  if (own && connection_.worker().tick_at(*own) < connection_.deadline()) arm_deadline();
  return session_->on_waiting(bytes);
}

void BrokerTransport::on_reload() {
  if (!session_) return;
  session_->on_reload();
  arm_deadline();  // it may have to tell by then who it is, and a quiet one is not flushed
}

void BrokerTransport::on_drain(std::chrono::milliseconds in) {
  if (session_) session_->on_drain(in);
}

bool BrokerTransport::on_handed_over() {
  return session_ && session_->on_handed_over();
}

std::optional<std::int64_t> BrokerTransport::own_deadline_ms() const {
  return session_ ? session_->deadline_ms() : std::nullopt;
}

void BrokerTransport::on_message(const websocket::Message& message) {
  const bool binary = message.opcode == websocket::Opcode::binary;
  const bool cbor = session_->form() == hub::WireForm::cbor;
  if (binary != cbor) {
    return close(websocket::CloseCode::unsupported_data, cbor ? "this connection speaks CBOR: send binary messages"
                                                              : "this connection speaks JSON: send text messages");
  }
  if (cbor) return session_->on_cbor(message.data);
  session_->on_text(message.data);
}

// --- echo

void EchoTransport::on_message(const websocket::Message& message) {
  if (!deflate_) return send(message.opcode, message.data);
  send(message.opcode, connection_.worker().echo_deflater().compress(message.data, window_), /*compressed=*/true);
}

}  // namespace crier::net
