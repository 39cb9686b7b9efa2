#include "broker/session/client.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "protocol/command/channel_name.hpp"

namespace crier::session {

using command::Op;

Client::Client(Environment& environment, Host& host, hub::SessionId id) : environment_(environment), host_(host) {
  id_ = id;
  ref_ = environment_.shard.attach(*this);
}

Client::~Client() {
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
    const command::Command& command = commands[at.command];
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
  const auto count_ok = [&] { environment_.metrics.commands[static_cast<std::size_t>(op)].add("ok"); };
  std::visit(Overloaded{
                 [&](const command::Publish& publish_command) { publish(publish_command, std::move(slot)); },
                 [&](const command::Subscribe& subscribe_command) { subscribe(subscribe_command, std::move(slot)); },
                 [&](const command::Unsubscribe& unsubscribe_command) { unsubscribe(unsubscribe_command, slot); },
                 [&](const command::PingCommand&) {
                   count_ok();
                   reply(slot, command::PongReply{slot.id});
                 },
                 [&](const command::Auth&) {
                   if (can_subscribe()) return unsupported(op, slot, "", "tokens are");
                   fail(slot, op, "", {ErrorCode::bad_request, "op", "auth needs a connection that stays"});
                 },
                 [&](const command::History& history) { unsupported(op, slot, history.channel, "history is"); },
                 [&](const command::Presence& presence) { unsupported(op, slot, presence.channel, "presence is"); },
                 [&](const command::Channels&) { unsupported(op, slot, "", "listing channels is"); },
                 [&](const command::Disconnect&) { unsupported(op, slot, "", "disconnecting clients is"); },
                 [&](const command::Kick& kick) { unsupported(op, slot, kick.channel, "ending subscriptions is"); },
             },
             command.body);
}

void Client::fail(const ReplySlot& slot, Op op, std::string_view channel, Error error) {
  environment_.metrics.commands[static_cast<std::size_t>(op)].add(to_string(error.code));
  reply(slot, command::ErrorReply{.id = slot.id,
                                  .command = std::string(to_string(op)),
                                  .channel = std::string(channel),
                                  .error = std::move(error),
                                  .retry_after_s = std::nullopt});
}

void Client::unsupported(Op op, const ReplySlot& slot, std::string_view channel, std::string_view what) {
  fail(slot, op, channel, {ErrorCode::unavailable, "", std::string(what) + " not available in this version"});
}

// --- subscriptions

std::uint32_t Client::find_subscription(std::string_view channel) const {
  std::uint32_t at = 0;
  while (at < subscriptions_.size() && subscriptions_[at]->channel_name() != channel) ++at;
  return at;
}

bool Client::may_subscribe(std::string_view channel, Error& why) const {
  const config::Namespace& settings = environment_.config.settings_of(command::namespace_of(channel));
  if (settings.subscribe == config::Who::nobody) {
    why = {ErrorCode::forbidden, "channel", "subscribe = \"nobody\" in the settings of this channel's namespace"};
    return false;
  }
  const std::size_t limit = environment_.config.limits.channels_per_connection_max;
  if (subscriptions_.size() >= limit) {
    why = {ErrorCode::limit_exceeded, "channel",
           "this connection has " + std::to_string(limit) +
               " subscriptions (limits.channels_per_connection_max); unsubscribe first"};
    return false;
  }
  return true;
}

void Client::subscribe(const command::Subscribe& command, ReplySlot slot) {
  const auto refuse = [&](Error error) { fail(slot, Op::subscribe, command.channel, std::move(error)); };
  if (!can_subscribe()) {
    return refuse({ErrorCode::bad_request, "op", "subscribe needs a connection that stays: use a WebSocket"});
  }
  if (command.pattern) return unsupported(Op::subscribe, slot, command.channel, "pattern subscriptions are");
  if (command.since || command.last) return unsupported(Op::subscribe, slot, command.channel, "history is");
  if (command.presence) return unsupported(Op::subscribe, slot, command.channel, "presence is");
  if (find_subscription(command.channel) < subscriptions_.size()) {
    return refuse(
        {ErrorCode::already_subscribed, "channel", "this connection is subscribed already; unsubscribe first"});
  }
  Error why;
  if (!may_subscribe(command.channel, why)) return refuse(std::move(why));
  hub::Subscription& subscription = environment_.shard.subscribe(*this, ref_, command.channel);
  subscriptions_.push_back(&subscription);
  busy().subscribes.push_back({subscription.serial, std::move(slot)});
  count_inflight(hub::subscribe_request_bytes);
}

void Client::subscribe_at_connect(std::string_view channel) {
  command::Subscribe command;
  command.channel = channel;
  if (find_subscription(channel) == subscriptions_.size()) subscribe(command, {});  // twice in the URL is once
}

bool Client::on_subscribed(std::uint32_t serial, const Result<command::Position>& start) {
  std::uint32_t at = 0;
  while (at < subscriptions_.size() && subscriptions_[at]->serial != serial) ++at;
  if (at == subscriptions_.size() || !busy_) return false;  // unsubscribed before the answer came
  auto& pending = busy_->subscribes;
  const auto found =
      std::find_if(pending.begin(), pending.end(), [&](const auto& one) { return one.serial == serial; });
  if (found == pending.end()) return false;
  const ReplySlot slot = std::move(found->slot);
  pending.erase(found);
  hub::Subscription& subscription = *subscriptions_[at];
  const std::string channel(subscription.channel_name());
  if (!start) {
    subscriptions_.swap_remove(at);
    environment_.shard.forget(subscription);
    fail(slot, Op::subscribe, channel, start.error());
  } else {
    environment_.shard.make_live(subscription);
    environment_.metrics.commands[static_cast<std::size_t>(Op::subscribe)].add("ok");
    command::Subscribed subscribed;
    subscribed.id = slot.id;
    subscribed.channel = channel;
    subscribed.position = *start;
    subscribed.replayed = 0;
    reply(slot, subscribed);
  }
  rest();
  return true;
}

void Client::unsubscribe(const command::Unsubscribe& command, const ReplySlot& slot) {
  const std::uint32_t at = find_subscription(command.channel);
  if (at == subscriptions_.size()) {
    fail(slot, Op::unsubscribe, command.channel,
         can_subscribe()
             ? Error{ErrorCode::not_subscribed, "channel", "this connection is not subscribed to it"}
             : Error{ErrorCode::bad_request, "op", "unsubscribe belongs on the connection that subscribed"});
    return;
  }
  hub::Subscription& subscription = *subscriptions_[at];
  if (busy_ && !subscription.live) {
    auto& pending = busy_->subscribes;
    const auto found = std::find_if(pending.begin(), pending.end(),
                                    [&](const auto& one) { return one.serial == subscription.serial; });
    if (found != pending.end()) {
      const ReplySlot subscribe_slot = std::move(found->slot);
      pending.erase(found);
      fail(subscribe_slot, Op::subscribe, command.channel,
           {ErrorCode::not_subscribed, "channel", "unsubscribed before the subscription was live"});
    }
  }
  subscriptions_.swap_remove(at);
  environment_.shard.unsubscribe(subscription);
  environment_.metrics.commands[static_cast<std::size_t>(Op::unsubscribe)].add("ok");
  reply(slot, command::Unsubscribed{slot.id, std::string(command.channel)});
  rest();
}

// --- publishing

const config::Namespace& Client::settings_of(std::string_view channel) const {
  return environment_.config.settings_of(command::namespace_of(channel));
}

bool Client::may_publish(const config::Namespace& settings, std::string_view data, Error& why) {
  if (settings.publish == config::Who::nobody) {
    why = {ErrorCode::forbidden, "channel", "publish = \"nobody\" in the settings of this channel's namespace"};
    return false;
  }
  if (data.size() > settings.message_bytes_max) {
    why = {ErrorCode::too_large, "data",
           "data has " + std::to_string(data.size()) + " bytes, over message_bytes_max (" +
               std::to_string(settings.message_bytes_max) + ") of this channel's namespace"};
    return false;
  }
  return true;
}

void Client::publish(const command::Publish& command, ReplySlot slot) {
  if (command.key || command.conflate || command.ttl_s) return publish_unsupported(command, slot);
  const config::Namespace& settings = settings_of(command.channel);
  Error why;
  if (!may_publish(settings, command.data, why)) return fail(slot, Op::publish, command.channel, std::move(why));
  hub::ReplyTag tag;
  if (acknowledges_everything() || !std::holds_alternative<std::monostate>(slot.id)) {
    tag = {hub::ReplyTag::Kind::single, slot.request, slot.index, std::move(slot.id)};
  }
  publish_one(command.channel, command, settings, std::move(tag));
}

void Client::publish_unsupported(const command::Publish& command, const ReplySlot& slot) {
  const std::string_view what = command.key ? "key" : command.conflate ? "conflate" : "ttl";
  fail(slot, Op::publish, command.channel,
       {ErrorCode::unavailable, std::string(what), std::string(what) + " is not available in this version"});
}

void Client::publish_one(std::string_view channel, const command::Publish& command, const config::Namespace& settings,
                         hub::ReplyTag tag) {
  environment_.metrics.commands[static_cast<std::size_t>(Op::publish)].add("ok");
  hub::MessageOptions options;
  options.encoding = command.encoding;
  options.received_ns = environment_.received_ns;
  options.compressible = settings.compression;
  if (!command.echo) options.echo_off = &id_;
  hub::SessionId excluded;
  if (command.exclude && hub::SessionId::parse(*command.exclude, excluded)) options.exclude = &excluded;
  hub::MessageDraft draft(channel, hub::hash_of(channel), command.data, options);
  count_inflight(draft->bytes());
  environment_.shard.publish(ref_, std::move(draft), std::move(tag));
}

// From `channel` on. False when it had to stop for want of credit, at `channel`.
bool Client::publish_broadcast(const command::Publish& command, const ReplySlot& slot, std::uint32_t& channel) {
  if (command.key || command.conflate || command.ttl_s) {
    publish_unsupported(command, slot);
    return true;
  }
  const bool acknowledged = acknowledges_everything() || !std::holds_alternative<std::monostate>(slot.id);
  if (acknowledged && channel == 0) {
    Broadcast& fresh = busy().broadcasts.emplace_back();
    fresh.number = busy().next_broadcast++;
    fresh.open = static_cast<std::uint32_t>(command.channels.size());
    fresh.slot = slot;
    for (const std::string_view name : command.channels) {
      fresh.results.push_back({std::string(name), std::nullopt, std::nullopt});
    }
  }
  // A session publishes one broadcast at a time: the one that was begun last.
  for (; channel < command.channels.size(); ++channel) {
    if (paused_) return false;
    const std::string_view name = command.channels[channel];
    const config::Namespace& settings = settings_of(name);
    Error why;
    if (may_publish(settings, command.data, why)) {
      hub::ReplyTag tag;
      if (acknowledged) tag = {hub::ReplyTag::Kind::part, busy_->broadcasts.back().number, channel, {}};
      publish_one(name, command, settings, std::move(tag));
    } else if (acknowledged) {
      environment_.metrics.commands[static_cast<std::size_t>(Op::publish)].add(to_string(why.code));
      Broadcast& broadcast = busy_->broadcasts.back();
      broadcast.results[channel].error = std::move(why);
      --broadcast.open;
    } else {
      fail(slot, Op::publish, name, std::move(why));  // without an id only errors are told
    }
  }
  if (acknowledged) finish_broadcast_if_done(busy_->broadcasts.size() - 1);
  return true;
}

void Client::finish_broadcast_if_done(std::size_t at) {
  auto& broadcasts = busy_->broadcasts;
  if (broadcasts[at].open > 0) return;
  Broadcast done = std::move(broadcasts[at]);
  broadcasts.erase(broadcasts.begin() + static_cast<std::ptrdiff_t>(at));
  reply(done.slot, command::BroadcastPublished{done.slot.id, std::move(done.results)});
  rest();
}

void Client::on_published(hub::ReplyTag& tag, const hub::Message& message) {
  const command::Position position{environment_.shard.settings().epoch, message.offset()};
  if (tag.kind == hub::ReplyTag::Kind::single) {
    const ReplySlot slot{tag.group, tag.index, std::move(tag.id)};
    reply(slot, command::Published{slot.id, std::string(message.channel()), position});
    return;
  }
  CRIER_ASSERT(busy_ != nullptr);
  auto& broadcasts = busy_->broadcasts;
  const auto found =
      std::find_if(broadcasts.begin(), broadcasts.end(), [&](const Broadcast& one) { return one.number == tag.group; });
  CRIER_ASSERT(found != broadcasts.end());
  found->results[tag.index].position = position;
  --found->open;
  finish_broadcast_if_done(static_cast<std::size_t>(found - broadcasts.begin()));
}

Client::Busy& Client::busy() {
  if (!busy_) busy_ = std::make_unique<Busy>();
  return *busy_;
}

void Client::rest() {
  if (busy_ && busy_->subscribes.empty() && busy_->broadcasts.empty() && !busy_->suspended) busy_.reset();
}

}  // namespace crier::session
