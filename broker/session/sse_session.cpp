#include "broker/session/sse_session.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "broker/config/version.hpp"
#include "protocol/command/stream_position.hpp"
#include "protocol/http/event_stream.hpp"

namespace crier::session {

namespace {

// Up to here a copy behind the id costs less, in time and in memory, than the two chunks that the id and a
// reference to the shared event would be.
constexpr std::size_t copied_bytes_max = 2 * hub::chunk_overhead;

}  // namespace

SseSession::SseSession(Environment& environment, Host& host, hub::SessionId id, std::vector<std::string> channels,
                       std::vector<std::optional<command::Position>> resume)
    : Client(environment, host, id),
      channels_(std::move(channels)),
      positions_(std::move(resume)),
      mark_(command::stream_mark(channels_)) {
  form_ = hub::WireForm::sse;
  CRIER_ASSERT(positions_.empty() || positions_.size() == channels_.size());
  positions_.resize(channels_.size());
}

void SseSession::start(std::uint64_t retry_ms, PrincipalPtr principal) {
  introduce(std::move(principal));
  // What may not be resumed begins anew: a browser could not do otherwise, and would never get the channel.
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    if (!may_resume(channels_[i])) positions_[i].reset();
  }
  http::append_retry(out(), retry_ms);
  command::Welcome welcome;
  welcome.session = id_.text();
  welcome.version = config::version();
  welcome.heartbeat_s = std::chrono::duration_cast<std::chrono::seconds>(environment_.config.limits.heartbeat).count();
  welcome.user = user_if_any();
  welcome.expires_in_s = expires_in_s();
  welcome.limits = {{"channels_per_connection_max",
                     std::min(environment_.config.limits.channels_per_connection_max, command::stream_channels_max)}};
  push(command::Push{std::move(welcome)});
  for (std::size_t i = 0; i < channels_.size(); ++i) subscribe_at_connect(channels_[i], positions_[i]);
}

bool SseSession::may_resume(std::string_view channel) const {
  const config::Namespace& settings = environment_.config.settings_of(command::namespace_of(channel));
  const auto refused = [&](auth::Action action) { return auth::refuse(action, channel, settings, principal()); };
  // The place in a channel that it may not have now is kept for the day that it may.
  return refused(auth::Action::subscribe) || !refused(auth::Action::history);
}

void SseSession::tell(const Verdict& verdict) {
  const ErrorCode code = verdict.code == websocket::CloseCode::token_expired  ? ErrorCode::token_expired
                         : verdict.code == websocket::CloseCode::unauthorized ? ErrorCode::unauthorized
                                                                              : ErrorCode::forbidden;
  reply({}, command::ErrorReply{{}, "", "", {code, "", std::string(verdict.reason)}, std::nullopt});
}

std::optional<command::Position>& SseSession::position_in(std::string_view channel) {
  const auto found = std::find(channels_.begin(), channels_.end(), channel);
  CRIER_ASSERT(found != channels_.end());
  return positions_[static_cast<std::size_t>(found - channels_.begin())];
}

void SseSession::on_start(const hub::Subscription& subscription, const std::optional<command::Position>& start) {
  if (may_resume(subscription.name())) position_in(subscription.name()) = start;
}

void SseSession::move_past(const hub::Subscription& subscription, const hub::Message& message) {
  std::optional<command::Position>& position = position_in(subscription.name());
  const std::string_view text = message.position();
  if (!position || text.empty()) return;
  if (const std::string_view epoch = text.substr(0, text.find(':')); position->epoch != epoch) position->epoch = epoch;
  position->offset = message.offset();
  append_id(out());
}

// --- what is said

void SseSession::deliver(const hub::ChunkPtr& chunk) {
  host_.outbox().push(chunk);
  host_.want_flush();
}

void SseSession::deliver_event(const hub::Subscription& subscription, const hub::ChunkPtr& chunk,
                               const hub::Message& message) {
  move_past(subscription, message);
  if (chunk->bytes.size() > copied_bytes_max) return deliver(chunk);
  out().append(chunk->bytes);
}

void SseSession::send_message(const hub::Subscription& subscription, const hub::Message& message) {
  environment_.metrics.delivered.add();
  move_past(subscription, message);
  environment_.shard.encoder().append(out(), message, form_,
                                      subscription.pattern() ? subscription.name() : std::string_view{});
}

void SseSession::reply(const ReplySlot& /*slot*/, const command::Reply& reply) {
  environment_.scratch.clear();
  command::append_json(environment_.scratch, reply);
  send(environment_.scratch);
}

void SseSession::push(const command::Push& push) {
  environment_.scratch.clear();
  command::append_json(environment_.scratch, push);
  send(environment_.scratch);
}

// With the id, as it may say that a stream has started or was continued elsewhere.
void SseSession::send(std::string_view json) {
  append_id(out());
  environment_.shard.encoder().append_push(out(), json, form_);
}

void SseSession::append_id(std::string& out) const {
  if (std::none_of(positions_.begin(), positions_.end(), [](const auto& one) { return one.has_value(); })) return;
  out.append(http::event_id_open);
  command::append_stream_position(out, mark_, positions_);
  out.append(http::event_id_close);
}

std::string& SseSession::out() {
  host_.want_flush();
  return host_.outbox().own(environment_.shard.chunks());
}

}  // namespace crier::session
