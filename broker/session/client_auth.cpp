// Who a client is: credentials, their expiry, and what ends when a right is taken away.
//
//   waiting --auth--> valid --exp--> grace --auth--> valid
//      |                |              |
//   auth_timeout     key withdrawn   expiry_grace       each ends the connection: 4001, 4001, 4002
//
// An anonymous client that may stay is in none of them.
#include <algorithm>
#include <string>
#include <utility>

#include "broker/runtime/log_site.hpp"
#include "broker/session/client.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::session {

using auth::Principal;
using command::Op;
using websocket::CloseCode;

namespace {

constexpr std::size_t auth_per_second_max = 4;  // and twice that at once

bool same_name(const Principal& a, const Principal& b) {
  return a.kind == b.kind && a.name == b.name;
}

std::shared_ptr<const hub::Identity> identity_of(const Principal& who) {
  if (who.kind == Principal::Kind::service || (who.name.empty() && who.info_json.empty())) return nullptr;
  return std::make_shared<const hub::Identity>(hub::Identity{who.name, who.info_json});
}

}  // namespace

Client::Who& Client::who() {
  if (!who_) who_ = std::make_unique<Who>();
  return *who_;
}

std::string_view Client::user() const noexcept {
  const Principal* const who = principal();
  return who != nullptr && who->kind == Principal::Kind::user ? std::string_view(who->name) : std::string_view{};
}

std::optional<std::string> Client::user_if_any() const {
  return user().empty() ? std::nullopt : std::optional(std::string(user()));
}

std::optional<std::int64_t> Client::expires_in_s() const {
  const Principal* const who = principal();
  if (who == nullptr || !who->expires_s) return std::nullopt;
  return std::max<std::int64_t>(0, *who->expires_s - environment_.wall_s);
}

// --- becoming somebody

void Client::introduce(PrincipalPtr principal) {
  if (principal) return adopt(std::move(principal));
  if (!environment_.config.auth.anonymous) wait_for_token();
}

void Client::speak_for(PrincipalPtr principal) {
  who_.reset();
  if (principal) who().principal = std::move(principal);
}

void Client::wait_for_token() {
  Who& waiting = who();
  waiting.principal.reset();
  waiting.identity.reset();
  waiting.phase = Who::Phase::waiting;
  waiting.deadline_ms = environment_.steady_ms + environment_.config.auth.auth_timeout.count();
  environment_.metrics.anonymous_waiting.add(1);
}

void Client::adopt(PrincipalPtr principal) {
  Who& known = who();
  if (known.phase == Who::Phase::waiting) environment_.metrics.anonymous_waiting.add(-1);
  known.phase = Who::Phase::valid;
  known.identity = identity_of(*principal);
  known.deadline_ms = 0;
  // In steady time from here on: what becomes of the wall clock changes nothing.
  if (principal->expires_s) {
    constexpr std::int64_t seconds_max = std::int64_t{366} * 24 * 3600 * 100;
    const std::int64_t left_s = std::min(*principal->expires_s - environment_.wall_s, seconds_max);
    known.deadline_ms = std::max<std::int64_t>(1, environment_.steady_ms + left_s * 1000);
  }
  known.principal = std::move(principal);
}

void Client::auth(const command::Auth& command, const ReplySlot& slot) {
  const auto refuse_with = [&](ErrorCode code, std::string detail) {
    fail(slot, Op::auth, "", {code, "token", std::move(detail)});
  };
  if (!can_subscribe()) {
    return fail(slot, Op::auth, "",
                {ErrorCode::bad_request, "op",
                 "auth needs a connection that stays: send the token as `Authorization: Bearer` with each request"});
  }
  // A verification costs the loop, and everybody on it, up to a millisecond.
  const std::int64_t now_ms = environment_.steady_ms;
  if (!who().attempts.take(auth_per_second_max, now_ms)) {
    return fail(slot, Op::auth, "", {ErrorCode::rate_limited, "op", "too many tokens at once: one is enough"},
                who_->attempts.wait_s(auth_per_second_max, now_ms));
  }
  auto accepted =
      environment_.authenticator->authenticate(command.token, auth::CredentialPlace::command, environment_.wall_s);
  if (!accepted) {
    environment_.metrics.credentials_refused.add(accepted.error().reason);
    if (runtime::LogSite& site = runtime::log_sites().credential_refused; site.admits()) {
      site.write({{"reason", std::string(accepted.error().reason)}, {"session", id_.text()}});
    }
    return refuse_with(accepted.error().code, std::move(accepted.error().detail));
  }
  environment_.metrics.credentials_accepted.add();
  if (const Principal* const known = principal(); known != nullptr && !same_name(*known, **accepted)) {
    return refuse_with(ErrorCode::forbidden,
                       "this connection speaks for another user already: open a new one for this token");
  }
  adopt(std::move(*accepted));
  count_ok(Op::auth);
  command::Authenticated authenticated;
  authenticated.id = slot.id;
  authenticated.user = user_if_any();
  authenticated.expires_in_s = expires_in_s();
  reply(slot, authenticated);
  check_subscriptions();
  subscribe_to_claimed();
}

void Client::subscribe_to_claimed() {
  if (principal() == nullptr) return;
  const PrincipalPtr kept = who_->principal;
  for (const std::string& channel : kept->channels) subscribe_at_connect(channel);
}

// --- what it may

std::optional<Error> Client::refuse_now(Op op) const {
  if (op == Op::auth || op == Op::ping) return std::nullopt;
  if (who_->phase == Who::Phase::waiting) {
    return Error{ErrorCode::unauthorized, "",
                 "auth.anonymous = false: send {\"op\":\"auth\",\"token\":…} first, within auth.auth_timeout"};
  }
  if (who_->phase == Who::Phase::grace && op != Op::unsubscribe) {
    return Error{ErrorCode::token_expired, "", "the token has expired: send a fresh one with `auth`"};
  }
  return std::nullopt;
}

std::optional<Error> Client::refuse(auth::Action action, std::string_view channel) const {
  return auth::refuse(action, channel, settings_of(channel), principal());
}

std::optional<Error> Client::refuse_management() const {
  const Principal* const who = principal();
  if (who != nullptr && who->manage) return std::nullopt;
  // Where nobody can prove anything, whoever posts from this machine is the service.
  if (who == nullptr && !can_subscribe() && environment_.config.protects()) return std::nullopt;
  return Error{who == nullptr ? ErrorCode::unauthorized : ErrorCode::forbidden, "op",
               "for services only: it takes a service key with manage = true ([[auth.service_key]])"};
}

// --- losing it

void Client::on_time() {
  if (!who_ || verdict() != nullptr || who_->deadline_ms == 0 || environment_.steady_ms < who_->deadline_ms) return;
  switch (who_->phase) {
    case Who::Phase::waiting: return end(CloseCode::unauthorized, "no token came within auth.auth_timeout");
    case Who::Phase::valid:
      who_->phase = Who::Phase::grace;
      who_->deadline_ms += environment_.config.auth.expiry_grace.count();
      return on_time();
    case Who::Phase::grace: return end(CloseCode::token_expired, "the token has expired and no fresh one came");
  }
}

bool Client::still_vouched_for(const Principal& known) const {
  if (known.kind == Principal::Kind::user) return environment_.authenticator->vouches_for(known.key_id);
  const PrincipalPtr now = environment_.authenticator->service(known.name);
  return now && now->key_id == known.key_id;
}

// As if the token had come to its end now: whoever is honest gets a fresh one.
void Client::expire() {
  if (who_->phase != Who::Phase::valid) return;
  who_->phase = Who::Phase::grace;
  who_->deadline_ms = std::max<std::int64_t>(1, environment_.steady_ms + environment_.config.auth.expiry_grace.count());
}

void Client::on_reload() {
  if (verdict() != nullptr) return;
  const Principal* const known = principal();
  if (known != nullptr && !still_vouched_for(*known)) {
    // A request has no connection of its own to end: what is left of it goes on as nobody's.
    if (!can_subscribe()) return who_.reset();
    if (known->kind == Principal::Kind::service) return end(CloseCode::unauthorized, "the service key was withdrawn");
    expire();
  } else if (known != nullptr && known->kind == Principal::Kind::service) {
    who_->principal = environment_.authenticator->service(known->name);
  }
  const bool waiting = who_ && who_->phase == Who::Phase::waiting;
  if (waiting && environment_.config.auth.anonymous) {
    environment_.metrics.anonymous_waiting.add(-1);
    who_.reset();
  } else if (known == nullptr && !waiting && can_subscribe() && !environment_.config.auth.anonymous) {
    wait_for_token();
  }
  check_subscriptions();
}

void Client::check_subscriptions() {
  const bool waiting = who_ && who_->phase == Who::Phase::waiting;
  for (std::uint32_t at = 0; at < subscriptions_.size();) {
    const hub::Subscription& subscription = *subscriptions_[at];
    std::optional<Error> why;
    if (waiting) {
      why = Error{ErrorCode::unauthorized, "channel", "auth.anonymous = false: a token is needed now"};
    } else {
      why = refuse(auth::Action::subscribe, subscription.name());
    }
    if (!why && replays(subscription)) why = refuse(auth::Action::history, subscription.name());
    if (!why && subscription.watching) why = refuse(auth::Action::presence, subscription.name());
    if (why) {
      revoke(at, *why);  // another takes its place
    } else {
      ++at;
    }
  }
}

// Does it get, or will it, what was said before it came?
bool Client::replays(const hub::Subscription& subscription) const {
  if (subscription.catch_up) return subscription.catch_up->replay;
  return busy_ && std::ranges::any_of(busy_->subscribes, [&](const PendingSubscribe& pending) {
           return pending.serial == subscription.serial && pending.past;
         });
}

void Client::revoke(std::uint32_t at, const Error& why) {
  environment_.metrics.subscriptions_revoked.add();
  end_subscription(at, why);
}

void Client::end_subscription(std::uint32_t at, const Error& why) {
  hub::Subscription& subscription = *subscriptions_[at];
  const std::string channel(subscription.name());
  const std::optional<ReplySlot> slot = take_pending(subscription.serial);
  if (subscription.catch_up) --busy_->catching_up;
  subscriptions_.swap_remove(at);
  environment_.shard.unsubscribe(subscription);
  if (slot) {
    fail(*slot, Op::subscribe, channel, why);
  } else {
    push(command::UnsubscribedPush{channel, std::string(to_string(why.code)), why.detail});
  }
  rest();
}

void Client::end(CloseCode code, std::string_view reason) {
  if (verdict() != nullptr) return;
  who().verdict = Verdict{code, reason};
  host_.want_flush();
}

}  // namespace crier::session
