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
                 [&](const command::Auth&) { unsupported(op, slot, "", "tokens are"); },
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

bool Client::may_publish(std::string_view channel, std::string_view data, Error& why) const {
  const config::Namespace& settings = environment_.config.settings_of(command::namespace_of(channel));
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
  if (command.key || command.conflate || command.ttl_s) {
    const std::string_view what = command.key ? "key" : command.conflate ? "conflate" : "ttl";
    fail(slot, Op::publish, command.channel,
         {ErrorCode::unavailable, std::string(what), std::string(what) + " is not available in this version"});
    return;
  }
  if (command.broadcast) return publish_broadcast(command, std::move(slot));
  Error why;
  if (!may_publish(command.channel, command.data, why)) return fail(slot, Op::publish, command.channel, std::move(why));
  hub::ReplyTag tag;
  if (acknowledges_everything() || !std::holds_alternative<std::monostate>(slot.id)) {
    tag = {hub::ReplyTag::Kind::single, slot.request, slot.index, std::move(slot.id)};
  }
  publish_one(command.channel, command, std::move(tag));
}

void Client::publish_one(std::string_view channel, const command::Publish& command, hub::ReplyTag tag) {
  environment_.metrics.commands[static_cast<std::size_t>(Op::publish)].add("ok");
  hub::MessageOptions options;
  options.encoding = command.encoding;
  options.received_ns = environment_.received_ns;
  options.compressible = environment_.config.settings_of(command::namespace_of(channel)).compression;
  if (!command.echo) options.echo_off = &id_;
  hub::SessionId excluded;
  if (command.exclude && hub::SessionId::parse(*command.exclude, excluded)) options.exclude = &excluded;
  hub::MessageDraft draft(channel, hub::hash_of(channel), command.data, options);
  inflight_bytes_ += static_cast<std::uint32_t>(draft->bytes());
  environment_.shard.publish(ref_, std::move(draft), std::move(tag));
  if (!paused_ && inflight_bytes_ > environment_.config.limits.inflight_bytes_max) {
    paused_ = true;
    host_.pause_reading();
  }
}

void Client::publish_broadcast(const command::Publish& command, ReplySlot slot) {
  const bool acknowledged = acknowledges_everything() || !std::holds_alternative<std::monostate>(slot.id);
  Broadcast broadcast;
  broadcast.number = busy().next_broadcast++;
  for (std::uint32_t at = 0; at < command.channels.size(); ++at) {
    const std::string_view channel = command.channels[at];
    Error why;
    if (may_publish(channel, command.data, why)) {
      broadcast.results.push_back({std::string(channel), std::nullopt, std::nullopt});
      ++broadcast.open;
      hub::ReplyTag tag;
      if (acknowledged) tag = {hub::ReplyTag::Kind::part, broadcast.number, at, {}};
      publish_one(channel, command, std::move(tag));
    } else if (acknowledged) {
      environment_.metrics.commands[static_cast<std::size_t>(Op::publish)].add(to_string(why.code));
      broadcast.results.push_back({std::string(channel), std::nullopt, std::move(why)});
    } else {
      fail(slot, Op::publish, channel, std::move(why));  // without an id only errors are told
    }
  }
  if (!acknowledged) return rest();
  broadcast.slot = std::move(slot);
  busy().broadcasts.push_back(std::move(broadcast));
  finish_broadcast_if_done(busy().broadcasts.size() - 1);
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

void Client::on_credit(std::size_t bytes) {
  CRIER_ASSERT(inflight_bytes_ >= bytes);
  inflight_bytes_ -= static_cast<std::uint32_t>(bytes);
  if (!paused_ || inflight_bytes_ > environment_.config.limits.inflight_bytes_max) return;
  paused_ = false;
  host_.resume_reading();
}

Client::Busy& Client::busy() {
  if (!busy_) busy_ = std::make_unique<Busy>();
  return *busy_;
}

void Client::rest() {
  if (busy_ && busy_->subscribes.empty() && busy_->broadcasts.empty()) busy_.reset();
}

}  // namespace crier::session
