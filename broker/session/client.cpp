#include "broker/session/client.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "protocol/command/channel_name.hpp"

namespace crier::session {

using command::Op;

namespace {

// Whoever is over its pace that long is closed; it is not over it any more when it was not for a pause.
constexpr std::int64_t over_pace_max_ms = 10'000;
constexpr std::int64_t over_pace_pause_ms = 2'000;

}  // namespace

Client::Client(Environment& environment, Host& host, hub::SessionId id) : environment_(environment), host_(host) {
  id_ = id;
  ref_ = environment_.shard.attach(*this);
}

Client::~Client() {
  if (who_ && who_->phase == Who::Phase::waiting) environment_.metrics.anonymous_waiting.add(-1);
  for (hub::Subscription* const subscription : subscriptions_) environment_.shard.unsubscribe(*subscription);
  environment_.shard.detach(ref_);
}

// --- batches

void Client::run_batch(std::span<const command::Command> commands, std::string_view text, std::uint32_t request) {
  Cursor at{request};
  if (run_from(commands, at)) return;
  // The batch's views belong to whoever reads the next message: what waits gets its own.
  auto suspended = std::make_unique<Suspended>();
  suspended->text = std::string(text);
  const auto batch = suspended->parser.parse(suspended->text);
  CRIER_ASSERT(batch);  // it was parsed before
  suspended->commands = batch->commands;
  suspended->at = at;
  busy().suspended = std::move(suspended);
}

// False when it had to stop, at `at`.
bool Client::run_from(std::span<const command::Command> commands, Cursor& at) {
  for (; at.command < commands.size(); ++at.command, at.channel = 0) {
    if (paused_) return false;
    if (verdict() != nullptr) return true;  // nobody reads the answers any more
    const command::Command& command = commands[at.command];
    if (environment_.handed_over && left_to_successor(command, {at.request, at.command, command.id})) continue;
    // A broadcast that had to stop was counted when it began.
    if (at.channel == 0 && !within_pace({at.request, at.command, command.id}, command)) continue;
    if (who_ && at.channel == 0) {
      if (std::optional<Error> why = refuse_now(command.op())) {
        fail({at.request, at.command, command.id}, command.op(), "", std::move(*why));
        continue;
      }
    }
    const auto* const publish_command = std::get_if<command::Publish>(&command.body);
    if (publish_command == nullptr || !publish_command->broadcast) {
      run(command, at.request, at.command);
      continue;
    }
    // A broadcast is many publishes: it may have to stop between any two of them.
    if (!publish_broadcast(*publish_command, {at.request, at.command, command.id}, at.channel)) return false;
  }
  return true;
}

// Counts the command. False: it is one too many, and was answered.
bool Client::within_pace(const ReplySlot& slot, const command::Command& command) {
  const std::size_t per_second = environment_.config.limits.commands_per_second_max;
  if (per_second == 0) {
    pacing_.reset();
    return true;
  }
  if (!pacing_) pacing_ = std::make_unique<Pacing>();
  const std::int64_t now_ms = environment_.steady_ms;
  if (pacing_->pace.take(per_second, now_ms)) return true;
  fail(slot, command.op(), "",
       {ErrorCode::rate_limited, "",
        "more commands than limits.commands_per_second_max (" + std::to_string(per_second) + ") allows: slow down"},
       pacing_->pace.wait_s(per_second, now_ms));
  if (pacing_->over_since_ms == 0 || now_ms - pacing_->over_last_ms > over_pace_pause_ms) {
    pacing_->over_since_ms = now_ms;
  }
  pacing_->over_last_ms = now_ms;
  // A client that only posts has no connection of its own to lose.
  if (can_subscribe() && now_ms - pacing_->over_since_ms >= over_pace_max_ms) {
    end(websocket::CloseCode::rate_limited, "over limits.commands_per_second_max for 10 s");
  }
  return false;
}

void Client::continue_suspended() {
  std::unique_ptr<Suspended> suspended = std::move(busy_->suspended);
  if (run_from(suspended->commands, suspended->at)) return rest();
  busy().suspended = std::move(suspended);
}

void Client::count_inflight(std::size_t bytes) {
  inflight_bytes_ += bytes;
  if (paused_ || inflight_bytes_ <= environment_.config.limits.inflight_bytes_max) return;
  paused_ = true;
  host_.pause_reading();
}

void Client::on_credit(std::size_t bytes) {
  CRIER_ASSERT(inflight_bytes_ >= bytes);
  inflight_bytes_ -= bytes;
  // At half, so that a batch does not go on for one message at a time.
  if (!paused_ || inflight_bytes_ > environment_.config.limits.inflight_bytes_max / 2) return;
  paused_ = false;
  host_.resume_reading();
  if (busy_ && busy_->suspended) continue_suspended();
}

// --- commands

void Client::run(const command::Command& command, std::uint32_t request, std::uint32_t index) {
  ReplySlot slot{request, index, command.id};
  const Op op = command.op();
  std::visit(Overloaded{
                 [&](const command::Publish& publish_command) { publish(publish_command, std::move(slot)); },
                 [&](const command::Subscribe& subscribe_command) { subscribe(subscribe_command, std::move(slot)); },
                 [&](const command::Unsubscribe& unsubscribe_command) { unsubscribe(unsubscribe_command, slot); },
                 [&](const command::PingCommand&) {
                   count_ok(op);
                   reply(slot, command::PongReply{slot.id});
                 },
                 [&](const command::Auth& auth_command) { auth(auth_command, slot); },
                 [&](const command::History& history_command) { history(history_command, std::move(slot)); },
                 [&](const command::Presence& presence_command) { presence(presence_command, std::move(slot)); },
                 [&](const command::Channels& channels_command) { channels(channels_command, std::move(slot)); },
                 [&](const command::Disconnect& whom) { disconnect(whom, std::move(slot)); },
                 [&](const command::Kick& whom) { kick(whom, std::move(slot)); },
             },
             command.body);
}

void Client::count_ok(Op op) {
  environment_.metrics.commands[static_cast<std::size_t>(op)].add("ok");
}

void Client::fail(const ReplySlot& slot, Op op, std::string_view channel, Error error,
                  std::optional<std::int64_t> retry_after_s) {
  environment_.metrics.commands[static_cast<std::size_t>(op)].add(to_string(error.code));
  reply(slot, command::ErrorReply{.id = slot.id,
                                  .command = std::string(to_string(op)),
                                  .channel = std::string(channel),
                                  .error = std::move(error),
                                  .retry_after_s = retry_after_s});
}

const config::Namespace& Client::settings_of(std::string_view channel) const {
  return environment_.config.settings_of(command::namespace_of(channel));
}

hub::ReplyTag Client::tag_of(ReplySlot slot) {
  return {hub::ReplyTag::Kind::single, slot.request, slot.index, std::move(slot.id)};
}

std::optional<command::Position> position_of(const hub::Message& message) {
  const std::string_view text = message.position();
  if (text.empty()) return std::nullopt;
  return command::Position{std::string(text.substr(0, text.find(':'))), message.offset()};
}

Client::Busy& Client::busy() {
  if (!busy_) busy_ = std::make_unique<Busy>();
  return *busy_;
}

void Client::rest() {
  if (!busy_ || !busy_->subscribes.empty() || !busy_->broadcasts.empty() || busy_->suspended) return;
  if (busy_->catching_up > 0 || busy_->fetching || busy_->lost || busy_->tolerated > 0) return;
  busy_.reset();
}

}  // namespace crier::session
