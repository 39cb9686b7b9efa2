// The broker's end of a connection: what net::Connection and its transports do, without Asio.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "protocol/base/check.hpp"
#include "protocol/websocket/frame_writer.hpp"
#include "tests/simulation/loop.hpp"

namespace crier::simulation {

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
// What one turn may add before it is written, and the largest replies.
constexpr std::size_t turn_bytes_max = 1024 * 1024;

}  // namespace

Connection::Connection(Loop& loop, std::size_t client, hub::SessionId id, hub::WireForm form, std::size_t kernel_bytes)
    : loop_(loop), client_(client), id_(id), form_(form), kernel_bytes_(kernel_bytes) {}

Connection::~Connection() {
  cut();
}

void Connection::start_websocket(const std::vector<std::string>& channels) {
  websocket_ = std::make_unique<session::WebSocketSession>(loop_.environment(), *this, id_, form_);
  std::vector<session::ChannelAtConnect> at_connect;
  for (const std::string& channel : channels) at_connect.push_back({channel, std::nullopt});
  websocket_->start(at_connect);
}

void Connection::start_stream(std::vector<std::string> channels, std::vector<std::optional<command::Position>> resume) {
  stream_ =
      std::make_unique<session::SseSession>(loop_.environment(), *this, id_, std::move(channels), std::move(resume));
  stream_->start(/*retry_ms=*/2000);
}

// --- the client's end

std::string Connection::receive(std::size_t bytes_max) {
  const std::size_t count = std::min(bytes_max, arrived());
  std::string bytes = pipe_.substr(pipe_read_, count);
  pipe_read_ += count;
  if (pipe_read_ == pipe_.size()) {
    pipe_.clear();
    pipe_read_ = 0;
  } else if (pipe_read_ > 64 * 1024 && pipe_read_ * 2 > pipe_.size()) {
    pipe_.erase(0, pipe_read_);
    pipe_read_ = 0;
  }
  return bytes;
}

std::size_t Connection::room() const noexcept {
  return kernel_bytes_ > arrived() ? kernel_bytes_ - arrived() : 0;
}

bool Connection::quiet() const noexcept {
  return closed_ || (up_.empty() && rest_.empty() && outbox_.empty() && !dirty_);
}

// --- reading

bool Connection::readable() const noexcept {
  if (closed_) return false;
  if (abandoned_ && (up_.empty() || paused() || finishing_)) return true;  // its end is seen
  return !up_.empty() && !paused();
}

void Connection::on_readable(std::size_t messages_max) {
  if (finishing_) {
    up_.clear();
    if (abandoned_) close();
    return;
  }
  if (abandoned_ && (up_.empty() || paused())) return close();
  for (; messages_max > 0 && !up_.empty(); --messages_max) {
    rest_.push_back(std::move(up_.front()));
    up_.pop_front();
  }
  feed_rest();
}

// What was read before a pause comes first.
void Connection::feed_rest() {
  while (!rest_.empty() && !paused() && !closed_ && !finishing_) {
    const std::string message = std::move(rest_.front());
    rest_.pop_front();
    run(message);
  }
}

void Connection::run(const std::string& message) {
  CRIER_ASSERT(websocket_);
  loop_.environment().received_ns = loop_.clock().steady_ns;
  if (form_ == hub::WireForm::cbor) return websocket_->on_cbor(message);
  websocket_->on_text(message);
}

void Connection::pause_reading() {
  ++pauses_;
}

void Connection::resume_reading() {
  CRIER_ASSERT(pauses_ > 0);
  if (--pauses_ > 0 || closed_ || finishing_) return;
  resumed_ = true;
  want_flush();
}

// --- writing

void Connection::want_flush() {
  if (dirty_ || closed_) return;
  dirty_ = true;
  loop_.flush_later(*this);
}

void Connection::on_writable() {
  writing_ = false;
  want_flush();
}

void Connection::flush() {
  dirty_ = false;
  if (closed_) return;
  while (!writing_ && !outbox_.empty()) {
    std::array<std::string_view, 64> pieces;
    const std::size_t count = outbox_.gather(pieces);
    std::size_t sent = 0;
    std::size_t total = 0;
    // A socket takes any part of what it is given; rarely it takes less than it has room for. Not that of a client
    // that reads everything at once: what it left would stay for as long as this world likes, and another turn's worth
    // on top of it may be over the limit.
    std::size_t left = room();
    const bool healthy = loop_.plan().clients[client_].healthy;
    if (left > 1 && loop_.chance().one_in(16) && !healthy) left = loop_.chance().between(1, left);
    for (std::size_t i = 0; i < count; ++i) {
      total += pieces[i].size();
      const std::string_view part = pieces[i].substr(0, left);
      if (!abandoned_) pipe_ += part;
      sent += part.size();
      left -= part.size();
    }
    if (sent == 0 && total > 0) {
      writing_ = true;
      break;
    }
    outbox_.consume(sent);
    if (sent < total) writing_ = true;
  }
  after_flush();
  if (!resumed_ || closed_) return;
  resumed_ = false;
  feed_rest();
}

void Connection::after_flush() {
  if (!outbox_.empty()) outbox_.retain();
  session::Client* client = websocket_.get();
  if (stream_) client = stream_.get();
  if (!finishing_ && client != nullptr) {
    const bool kept = client->on_waiting(outbox_.bytes());
    check_bounds(kept);
    if (!kept) overflow();
  }
  if (!outbox_.empty()) return;
  if (finishing_ && !shut_down_) {
    shut_down_ = true;
    if (abandoned_) return close();
  }
  overflowed_ = false;
}

// Promise 5: one turn's worth is all that may be over the limit, and on top of it there is room for some replies
// alone until it has drained.
void Connection::check_bounds(bool kept) {
  const std::size_t limit = loop_.plan().config.limits.outbox_bytes_max;
  const std::size_t waiting = outbox_.bytes();
  if (!kept && loop_.plan().clients[client_].healthy) {
    loop_.story().violate(client_, "", "a client that reads everything at once was called slow");
  }
  if (!kept || waiting <= limit) {
    tolerated_ = 0;
    return;
  }
  if (tolerated_ == 0) tolerated_ = waiting + limit / 4;
  if (waiting > tolerated_ || waiting > 2 * limit + turn_bytes_max) {
    loop_.story().violate(client_, "",
                          "an outbox over its limit went on growing, to " + std::to_string(waiting) + " bytes");
  }
}

void Connection::overflow() {
  if (!can_overflow()) return;
  overflowed_ = true;
  loop_.count_slow_consumer();
  loop_.story().tell(client_, "", [&] { return "  broker: slow consumer, client " + std::to_string(client_); });
  if (stream_) {
    while (!outbox_.empty()) {
      std::array<std::string_view, 64> pieces;
      std::size_t bytes = 0;
      const std::size_t count = outbox_.gather(pieces);
      for (const std::string_view piece : std::span(pieces).first(count)) bytes += piece.size();
      outbox_.consume(bytes);
    }
    end_session();
    return finish(second_ns);
  }
  static_cast<void>(outbox_.drop_all_but_frame_in_hand(loop_.shard().chunks()));
  end_session();
  websocket::append_server_frame(
      outbox_.own(loop_.shard().chunks()), websocket::Opcode::close,
      websocket::close_payload(websocket::CloseCode::slow_consumer, "reads too slowly: limits.outbox_bytes_max"));
  finish(5 * second_ns);
}

// --- the end

void Connection::end_session() {
  websocket_.reset();
  stream_.reset();
}

void Connection::finish(std::int64_t patience_ns) {
  finishing_ = true;
  rest_.clear();
  deadline_ns_ = loop_.clock().steady_ns + patience_ns;
  want_flush();
}

void Connection::on_time(std::int64_t now_ns) {
  if (!finishing_ || closed_ || now_ns < deadline_ns_) return;
  reset_ = !shut_down_;
  close();
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  end_session();
  outbox_.clear();
}

void Connection::cut() {
  close();
}

}  // namespace crier::simulation
