#include "broker/net/sse_transport.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "broker/net/worker.hpp"
#include "protocol/http/event_stream.hpp"

namespace crier::net {

namespace {

constexpr std::chrono::milliseconds comment_interval = std::chrono::seconds{15};
constexpr std::chrono::milliseconds end_patience = std::chrono::seconds{1};
constexpr std::string_view reads_too_slowly = "reads too slowly: limits.outbox_bytes_max";

// Returns how many messages were dropped. In no event's data does this line stand: data is one line, and ends
// with a brace.
std::uint64_t drop_all(session::Outbox& outbox) {
  constexpr std::string_view message_line = "event: message\n";
  std::uint64_t messages = 0;
  while (!outbox.empty()) {
    std::array<std::string_view, 64> pieces;
    std::size_t bytes = 0;
    const std::size_t count = outbox.gather(pieces);
    for (const std::string_view piece : std::span(pieces).first(count)) {
      bytes += piece.size();
      for (auto at = piece.find(message_line); at != std::string_view::npos; at = piece.find(message_line, at + 1)) {
        ++messages;
      }
    }
    outbox.consume(bytes);
  }
  return messages;
}

}  // namespace

SseTransport::SseTransport(Connection& connection, StreamRequest request, session::PrincipalPtr principal)
    : connection_(connection) {
  Worker& worker = connection_.worker();
  worker.metrics().event_streams.add(1);
  ending_.session = worker.new_session_id();
  session_.emplace(worker.environment(), connection_, *ending_.session, std::move(request.channels),
                   std::move(request.resume));
  session_->start(jittered_retry_ms(), std::move(principal));
  comment_at_ = worker.wheel().now();
  arm_deadline(worker.wheel().now());
}

SseTransport::~SseTransport() {
  connection_.worker().metrics().event_streams.add(-1);
}

std::unique_ptr<Transport> SseTransport::on_bytes(std::span<char>& bytes) {
  bytes = bytes.last(0);
  return nullptr;
}

// Who only listens has no reason to close one side alone: a browser that leaves closes both.
void SseTransport::on_peer_finished() {
  end(runtime::CloseReason::normal);
}

// A peer that only listens is never heard, so that silence says nothing about it. Comments keep proxies from
// taking the stream for dead, and make our kernel notice that a peer is gone which never said so. To a peer
// that has not read what it was sent before, there is no need to send more.
void SseTransport::on_deadline(runtime::Tick now) {
  if (session_) session_->on_time();
  if (now >= comment_at_ && connection_.outbox().empty()) {
    http::append_comment(connection_.outbox().own(connection_.worker().shard().chunks()));
    connection_.worker().metrics().heartbeats.add();
    connection_.want_flush();
  }
  arm_deadline(now);
}

void SseTransport::arm_deadline(runtime::Tick now) {
  const config::Limits& limits = connection_.worker().config().limits;
  if (now >= comment_at_) comment_at_ = now + ticks(std::min(comment_interval, limits.heartbeat));
  const auto own = session_ ? session_->deadline_ms() : std::nullopt;
  connection_.set_deadline(own ? std::min(comment_at_, connection_.worker().tick_at(*own)) : comment_at_);
}

// Where the session is on no stack: the place for its end.
bool SseTransport::on_waiting(std::size_t bytes) {
  if (!session_) return true;
  const session::Verdict* const verdict = session_->verdict();
  if (verdict == nullptr) return session_->on_waiting(bytes);
  session_->tell(*verdict);
  end(runtime::close_reason(websocket::to_string(verdict->code)), verdict->reason);
  return true;
}

void SseTransport::on_reload() {
  if (!session_) return;
  session_->on_reload();
  arm_deadline(connection_.worker().wheel().now());
}

// The browser throws away the event that it has half of, and comes back for what is missing.
void SseTransport::on_overflow() {
  connection_.worker().metrics().dropped_slow_consumer.add(drop_all(connection_.outbox()));
  end(runtime::CloseReason::slow_consumer, reads_too_slowly);
}

void SseTransport::on_drain(std::chrono::milliseconds in) {
  if (session_) session_->on_drain(in);
}

bool SseTransport::on_handed_over() {
  return session_ && session_->on_handed_over();
}

void SseTransport::on_shutdown() {
  http::append_retry(connection_.outbox().own(connection_.worker().shard().chunks()), jittered_retry_ms());
  end(runtime::CloseReason::service_restart);
}

void SseTransport::end(runtime::CloseReason reason, std::string_view detail) {
  if (!session_) return;
  ending_.reason = reason;
  ending_.detail = detail;
  session_.reset();
  connection_.finish({end_patience});
}

}  // namespace crier::net
