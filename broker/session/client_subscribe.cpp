// Subscriptions of a client: from the command to the answer, and their ends.
#include <algorithm>
#include <string>
#include <utility>

#include "broker/hub/presence_text.hpp"
#include "broker/session/client.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::session {

using command::Op;

std::uint32_t Client::find_subscription(std::string_view channel) const {
  std::uint32_t at = 0;
  while (at < subscriptions_.size() && subscriptions_[at]->name() != channel) ++at;
  return at;
}

std::uint32_t Client::find_serial(std::uint32_t serial) const {
  std::uint32_t at = 0;
  while (at < subscriptions_.size() && subscriptions_[at]->serial != serial) ++at;
  return at;
}

// Why the subscription may not be, if so.
std::optional<Error> Client::refusal(const command::Subscribe& command) const {
  if (!can_subscribe()) {
    return Error{ErrorCode::bad_request, "op", "subscribe needs a connection that stays: use a WebSocket"};
  }
  if (find_subscription(command.channel) < subscriptions_.size()) {
    return Error{ErrorCode::already_subscribed, "channel", "this connection is subscribed already; unsubscribe first"};
  }
  const config::Namespace& settings = settings_of(command.channel);
  if (std::optional<Error> why = refuse(auth::Action::subscribe, command.channel)) return why;
  if (command.pattern) {
    if (std::string fault = hub::check_pattern_limits(command.channel); !fault.empty()) {
      return Error{ErrorCode::limit_exceeded, "channel", "channel: " + fault};
    }
  }
  if (command.since || command.last) {
    if (std::optional<Error> why = refuse(auth::Action::history, command.channel)) return why;
  }
  if (command.last && *command.last > settings.history.messages) {
    return Error{ErrorCode::bad_request, "last",
                 "last: " + std::to_string(*command.last) + ", but channels of this namespace keep " +
                     std::to_string(settings.history.messages) + " messages (history.messages)"};
  }
  if (command.presence) {
    if (!settings.presence) return no_presence();
    if (std::optional<Error> why = refuse(auth::Action::presence, command.channel)) return why;
  }
  const std::size_t limit = environment_.config.limits.channels_per_connection_max;
  if (subscriptions_.size() >= limit) {
    return Error{ErrorCode::limit_exceeded, "channel",
                 "this connection has " + std::to_string(limit) +
                     " subscriptions (limits.channels_per_connection_max); unsubscribe first"};
  }
  return std::nullopt;
}

void Client::subscribe(const command::Subscribe& command, ReplySlot slot) {
  if (std::optional<Error> why = refusal(command)) {
    return fail(slot, Op::subscribe, command.channel, std::move(*why));
  }
  hub::Shard& shard = environment_.shard;
  hub::Shard::SubscribeOptions options;
  options.since = command.since;
  options.last = command.last;
  options.watch = command.presence;
  if (who_) options.identity = who_->identity;
  hub::Subscription& subscription = command.pattern ? shard.subscribe_pattern(*this, ref_, command.channel)
                                                    : shard.subscribe(*this, ref_, command.channel, std::move(options));
  subscriptions_.push_back(&subscription);
  busy().subscribes.push_back({subscription.serial, std::move(slot), command.since || command.last});
  // A pattern is asked of every home.
  count_inflight(command.pattern    ? hub::request_bytes * shard.settings().shard_count
                 : command.presence ? hub::list_bytes_max
                                    : hub::request_bytes);
}

void Client::subscribe_at_connect(std::string_view channel, std::optional<command::Position> since) {
  if (find_subscription(channel) < subscriptions_.size()) return;  // twice in the URL is once
  command::Subscribe command;
  command.channel = channel;
  command.pattern = command::looks_like_pattern(channel);
  if (!command.pattern) command.since = std::move(since);
  subscribe(command, {});
}

// The slot of a subscription that waits for its answer.
std::optional<ReplySlot> Client::take_pending(std::uint32_t serial) {
  if (!busy_) return std::nullopt;
  auto& pending = busy_->subscribes;
  const auto found =
      std::find_if(pending.begin(), pending.end(), [&](const auto& one) { return one.serial == serial; });
  if (found == pending.end()) return std::nullopt;
  ReplySlot slot = std::move(found->slot);
  pending.erase(found);
  return slot;
}

bool Client::on_subscribed(hub::SubscribeAnswer& answer) {
  const std::uint32_t at = find_serial(answer.serial);
  if (at == subscriptions_.size()) return false;  // unsubscribed before the answer came
  const std::optional<ReplySlot> slot = take_pending(answer.serial);
  if (!slot) return false;
  hub::Subscription& subscription = *subscriptions_[at];
  if (!answer.start) {
    const std::string channel(subscription.name());
    subscriptions_.swap_remove(at);
    environment_.shard.forget(subscription);
    fail(*slot, Op::subscribe, channel, answer.start.error());
    rest();
    return true;
  }
  hub::SubscribeAnswer::Start& start = *answer.start;
  count_ok(Op::subscribe);
  command::Subscribed subscribed;
  subscribed.id = slot->id;
  subscribed.channel = subscription.name();
  subscribed.position = start.position;
  subscribed.recovered = start.recovered;
  subscribed.replayed = start.replayed;
  if (start.members) {
    subscribed.members = hub::members_of(*start.members);
    subscribed.more = start.members->more;
    subscribed.cursor = hub::cursor_of(*start.members);
  }
  on_start(subscription, start.position);
  reply(*slot, subscribed);
  if (start.at_top) {
    environment_.shard.make_live(subscription, start.after, start.number);
  } else {
    environment_.shard.start_replay(subscription, start.after, start.number);
    start_catching_up();
  }
  rest();
  return true;
}

void Client::on_pattern(hub::Subscription& subscription, const Error* refused) {
  const std::optional<ReplySlot> slot = take_pending(subscription.serial);
  CRIER_ASSERT(slot);
  const std::string pattern(subscription.name());
  if (refused != nullptr) {
    subscriptions_.swap_remove(find_serial(subscription.serial));
    environment_.shard.forget(subscription);
    fail(*slot, Op::subscribe, pattern, *refused);
  } else {
    count_ok(Op::subscribe);
    command::Subscribed subscribed;
    subscribed.id = slot->id;
    subscribed.channel = pattern;
    reply(*slot, subscribed);
  }
  rest();
}

// A subscribe that is still open is answered before what ends it.
void Client::end_pending(const hub::Subscription& subscription) {
  const std::optional<ReplySlot> slot = take_pending(subscription.serial);
  if (!slot) return;
  fail(*slot, Op::subscribe, subscription.name(),
       {ErrorCode::not_subscribed, "channel", "unsubscribed before the subscription was live"});
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
  end_pending(subscription);
  if (subscription.catch_up) --busy_->catching_up;
  subscriptions_.swap_remove(at);
  environment_.shard.unsubscribe(subscription);
  count_ok(Op::unsubscribe);
  reply(slot, command::Unsubscribed{slot.id, std::string(command.channel)});
  rest();
}

void Client::on_epoch_change(hub::Subscription& subscription, const command::Position& position) {
  environment_.metrics.gaps.add();
  on_start(subscription, position);
  push(command::Gap{std::string(subscription.name()), std::nullopt, false, position});
}

}  // namespace crier::session
