// What comes in: to whom it belongs, and what follows from it.
#include <algorithm>

#include "clients/cpp/core.hpp"

namespace crier::client {

namespace {

using std::chrono::seconds;

constexpr seconds subscribe_again_after{1};
constexpr seconds send_again_after{1};

std::string text_of(const std::optional<command::Position>& position) {
  return position ? position->text() : std::string();
}

Member to_member(const command::Member& member) {
  return {member.session, member.user.value_or(""), member.info_json.value_or("")};
}

std::vector<Member> to_members(const std::vector<command::Member>& members) {
  std::vector<Member> list;
  list.reserve(members.size());
  std::transform(members.begin(), members.end(), std::back_inserter(list), to_member);
  return list;
}

const command::CommandId& id_of(const command::Reply& reply) {
  return std::visit([](const auto& one) -> const command::CommandId& { return one.id; }, reply);
}

}  // namespace

Error to_error(const command::ErrorReply& reply) {
  static_assert(static_cast<int>(ErrorCode::internal) == static_cast<int>(crier::ErrorCode::internal));
  Error error = make_error(static_cast<ErrorCode>(reply.error.code), reply.error.detail);
  if (error.message.empty()) error.message = "the broker refused it: " + std::string(to_string(error.code));
  if (!reply.channel.empty()) error.message = reply.channel + ": " + error.message;
  if (reply.retry_after_s) {
    error.retry_after = seconds(std::clamp<std::int64_t>(*reply.retry_after_s, 0, retry_after_max.count()));
  }
  return error;
}

Core::SubscriptionPtr Core::find(Name channel) const {
  const auto found = subscriptions_.find(channel);
  return found == subscriptions_.end() ? nullptr : found->second;
}

void Core::on_text(std::string_view text) {
  if (state_ == State::closed) return;
  auto message = reader_.read(text);
  if (!message) return cut_off(end_by_message(message.error()));
  const auto* const received = std::get_if<command::ReceivedMessage>(&*message);
  if (received != nullptr && state_ == State::connected) return on_message(*received);
  if (auto* push = std::get_if<command::Push>(&*message)) {
    on_push(*push);
  } else if (state_ != State::connected) {
    // Something else speaks WebSocket there: a broker begins with `welcome`.
    cut_off(end_by_message("it does not begin with `welcome`"));
  } else if (auto* reply = std::get_if<command::Reply>(&*message)) {
    on_reply(*reply);
  }
  plan_time();
}

// A subscription is held by its own reference, as its handler may unsubscribe it.
void Core::on_message(const command::ReceivedMessage& message) {
  const SubscriptionPtr subscription = find(message.pattern.empty() ? message.channel : message.pattern);
  if (!subscription || subscription->phase != Subscription::Phase::live) return;
  if (!message.position.empty() && !subscription->pattern) subscription->position.assign(message.position);
  if (!subscription->handlers.on_message || abandoned_) return;
  subscription->handlers.on_message(Message{message.channel, message.pattern, message.data_json,
                                            message.encoding == command::Encoding::base64, message.position,
                                            message.time_ms});
}

void Core::on_reply(command::Reply& reply) {
  if (auto* subscribed = std::get_if<command::Subscribed>(&reply)) return on_subscribed(*subscribed);
  auto* const failed = std::get_if<command::ErrorReply>(&reply);
  const auto* const id = std::get_if<std::int64_t>(&id_of(reply));
  if (id != nullptr && auth_id_ && *id == *auth_id_) {
    const std::optional<Error> error = failed == nullptr ? std::nullopt : std::optional(to_error(*failed));
    return on_auth_answer(failed == nullptr ? &reply : nullptr, error ? &*error : nullptr);
  }
  if (id != nullptr && *id > 0) {
    // It was surely not carried out: this process may be handing over to another one, or its engine is away.
    if (failed != nullptr && failed->error.code == crier::ErrorCode::unavailable && outbox_.put_back(*id)) {
      if (!send_again_at_) send_again_at_ = port_.now() + to_error(*failed).retry_after.value_or(send_again_after);
      return;
    }
    const Done done = outbox_.answered(*id);
    if (done && failed == nullptr) call(done, &reply, nullptr);
    if (done && failed != nullptr) {
      const Error error = to_error(*failed);
      call(done, nullptr, &error);
    }
    if (closing_ || !room_handlers_.empty()) port_.want_turn();
    return;
  }
  if (failed != nullptr) on_error_reply(*failed);
}

void Core::on_error_reply(command::ErrorReply& reply) {
  if (const auto* id = std::get_if<std::int64_t>(&reply.id)) return on_subscribe_refused(*id, reply);
  // What nobody asked for has been answered too: an unsubscribe of a subscription that has just ended.
  if (reply.error.code == crier::ErrorCode::not_subscribed) return;
  tell(to_error(reply));
}

// ---- Subscriptions ----

void Core::on_subscribed(command::Subscribed& reply) {
  SubscriptionPtr subscription;
  const auto* const id = std::get_if<std::int64_t>(&reply.id);
  if (id != nullptr) {
    auto taken = subscribing_.extract(*id);
    if (taken.empty()) return;  // unsubscribed meanwhile
    subscription = std::move(taken.mapped());
  } else {
    // The token's own. After a cut it begins with the newest message: to go on where we were we begin it anew.
    subscription = find(reply.channel);
    if (subscription && subscription->phase != Subscription::Phase::waiting) return;
    if (!subscription) {
      if (subscriptions_.size() >= options_.subscriptions_max) return tell_of_too_many();
      subscription = std::make_shared<Subscription>();
      subscription->channel = reply.channel;
      subscription->handlers = handlers_.token_channels;
      subscription->from_token = true;
      subscriptions_[reply.channel] = subscription;
    } else if (!subscription->position.empty()) {
      subscription->renewed = true;
      send_unsubscribe(subscription->channel);
      return send_subscribe(subscription);
    }
  }
  subscription->phase = Subscription::Phase::live;
  Subscribed told;
  told.channel = std::move(reply.channel);
  told.position = text_of(reply.position);
  told.again = subscription->was_live;
  told.recovered = reply.recovered;
  // Without a position nobody can say what was missed.
  if (told.again && !told.recovered) told.recovered = false;
  told.replayed = reply.replayed.value_or(0);
  if (reply.members) told.members = to_members(*reply.members);
  told.members_cursor = std::move(reply.cursor);
  subscription->was_live = true;
  subscription->position = told.position;
  call(subscription->handlers.on_subscribed, told);
}

// Of a connection's surplus channels one is told: a token may have as many as it likes.
void Core::tell_of_too_many() {
  if (std::exchange(told_of_too_many_, true)) return;
  tell(make_error(ErrorCode::limit_exceeded,
                  "the token subscribes more channels than subscriptions_max: the messages of the others are dropped"));
}

// What another moment may mend is tried again; what the token lacks waits for the next token.
void Core::on_subscribe_refused(std::int64_t id, const command::ErrorReply& reply) {
  auto taken = subscribing_.extract(id);
  if (taken.empty()) return;
  const SubscriptionPtr subscription = std::move(taken.mapped());
  subscription->phase = Subscription::Phase::waiting;
  const Error error = to_error(reply);
  switch (error.code) {
    case ErrorCode::already_subscribed:
      // The token had it already: it is ended and begun anew, so that it begins where we want it to.
      if (subscription->renewed) return end_subscription(subscription, error);
      subscription->renewed = true;
      send_unsubscribe(subscription->channel);
      return send_subscribe(subscription);
    case ErrorCode::forbidden:
    case ErrorCode::unauthorized:
      // Who may subscribe may still not read the past (`history_access`). `since` was our own wish then, and the cut is
      // told as one that may have lost messages.
      if (!subscription->was_live || subscription->position.empty()) return end_subscription(subscription, error);
      subscription->position.clear();
      return send_subscribe(subscription);
    case ErrorCode::rate_limited:
    case ErrorCode::unavailable:
    case ErrorCode::timeout: {
      const auto after = error.retry_after.value_or(subscribe_again_after) + up_to(subscribe_again_after);
      subscribe_again_.emplace(port_.now() + after, subscription->channel);
      return tell(error);
    }
    case ErrorCode::token_expired:
      if (options_.token_source) return tell(error);
      return end_subscription(subscription, error);
    default: return end_subscription(subscription, error);
  }
}

void Core::end_subscription(const SubscriptionPtr& subscription, const Error& error) {
  const auto found = subscriptions_.find(subscription->channel);
  if (found != subscriptions_.end() && found->second == subscription) subscriptions_.erase(found);
  call(subscription->handlers.on_ended, error);
}

void Core::on_unsubscribed(const command::UnsubscribedPush& push) {
  const SubscriptionPtr subscription = find(push.channel);
  if (!subscription || subscription->phase != Subscription::Phase::live) return;
  command::ErrorReply reply;
  reply.channel = push.channel;
  reply.error.detail = "the broker ended the subscription (" + push.code + "): " + push.reason;
  for (std::size_t i = 0; i < error_code_count; ++i) {
    const auto code = static_cast<crier::ErrorCode>(i);
    if (crier::to_string(code) == push.code) reply.error.code = code;
  }
  // It goes on in another process, to which we come with the next connection.
  if (reply.error.code == crier::ErrorCode::unavailable) {
    subscription->phase = Subscription::Phase::waiting;
    return;
  }
  end_subscription(subscription, to_error(reply));
}

// ---- Pushes ----

void Core::on_gap(const command::Gap& gap) {
  const SubscriptionPtr subscription = find(gap.channel);
  if (!subscription || subscription->phase != Subscription::Phase::live) return;
  if (gap.position && !subscription->pattern) subscription->position = gap.position->text();
  call(subscription->handlers.on_gap, Gap{gap.channel, gap.lost, gap.conflated});
}

void Core::on_presence_change(const PresenceChange& change) {
  const SubscriptionPtr subscription = find(change.channel);
  if (!subscription || subscription->phase != Subscription::Phase::live) return;
  call(subscription->handlers.on_presence, change);
}

void Core::on_push(command::Push& push) {
  const bool welcome = std::holds_alternative<command::Welcome>(push);
  if (welcome != (state_ == State::connecting)) {
    return cut_off(end_by_message(welcome ? "`welcome` came twice" : "it does not begin with `welcome`"));
  }
  std::visit(Overloaded{
                 [&](command::Welcome& one) { on_welcome(one); },
                 [&](command::Join& join) {
                   PresenceChange change;
                   change.kind = PresenceChange::Kind::joined;
                   change.channel = std::move(join.channel);
                   change.member = to_member(join.member);
                   on_presence_change(change);
                 },
                 [&](command::Leave& leave) {
                   PresenceChange change;
                   change.kind = PresenceChange::Kind::left;
                   change.channel = std::move(leave.channel);
                   change.member = to_member(leave.member);
                   on_presence_change(change);
                 },
                 [&](command::PresencePush& presence) {
                   PresenceChange change;
                   change.kind = presence.members ? PresenceChange::Kind::members : PresenceChange::Kind::count;
                   change.channel = std::move(presence.channel);
                   if (presence.members) change.members = to_members(*presence.members);
                   change.members_cursor = std::move(presence.cursor);
                   change.count = presence.count;
                   on_presence_change(change);
                 },
                 [&](const command::Gap& gap) { on_gap(gap); },
                 [&](const command::UnsubscribedPush& unsubscribed) { on_unsubscribed(unsubscribed); },
                 [&](const command::Drain& /*drain*/) { draining_ = true; },
             },
             push);
}

}  // namespace crier::client
