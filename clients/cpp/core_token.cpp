// Tokens: asked for before they are needed, and again before they are over.
#include <algorithm>

#include "clients/cpp/core.hpp"

namespace crier::client {

namespace {

using std::chrono::seconds;

constexpr seconds lead_max{60};  // before a token's end, to get another one
constexpr seconds ask_again{5};  // after the source had none, or the same one again
constexpr seconds refresh_min{1};

}  // namespace

void Core::ask_token(TokenReason reason) {
  asking_ = true;
  port_.ask_token(reason, ++question_);
}

// A tenth of its life is left then, at most a minute, so that a slow login is no matter.
void Core::plan_refresh(std::optional<std::int64_t> expires_in_s) {
  refresh_at_.reset();
  token_ends_at_.reset();
  if (!expires_in_s || !options_.token_source) return;
  const auto life = std::chrono::milliseconds(seconds(std::clamp<std::int64_t>(*expires_in_s, 0, 1LL << 31)));
  const auto lead = std::min<std::chrono::milliseconds>(lead_max, life / 10 + seconds(1));
  token_ends_at_ = port_.now() + life;
  refresh_at_ = std::max(*token_ends_at_ - std::min(lead, life / 2), port_.now() + refresh_min);
}

void Core::on_token(std::uint64_t question, Result<std::string> token) {
  if (question < oldest_question_ || !asking_ || state_ == State::closed) return;
  // A source may be slower than connect_timeout: what it gives for an earlier attempt is as good. Of its failures only
  // the newest counts.
  if (!token && question != question_) return;
  asking_ = false;
  oldest_question_ = question_ + 1;
  if (token && (token->empty() || check_options({.token = *token}))) {
    token = make_error(ErrorCode::unauthorized, "the token source gave something that is no token");
  }
  const bool connected = state_ == State::connected;
  if (token && connected && *token == token_) {
    refresh_at_ = port_.now() + ask_again;
  } else if (token) {
    token_ = std::move(*token);
    token_ends_at_.reset();
    if (connected) {
      send_auth(token_);
    } else if (state_ == State::connecting) {
      port_.connect(token_);
    }
  } else {
    const Error& error = token.error();
    const Error told = make_error(ErrorCode::unauthorized, "the token source has no token: " + error.message);
    tell(told);
    if (connected) refresh_at_ = port_.now() + ask_again;
    if (!connected && state_ == State::connecting) cut_off({told, Remedy::retry});
  }
  turn();
}

// The broker does not take the token that we have. One that is fetched now may be better; if that one is refused as
// well, nobody can help. With `after_delay` it had been taken first: not to be asked for as fast as it is refused.
void Core::renew_token(LinkEnd end, bool after_delay) {
  if (!options_.token_source || fresh_token_) return finish(std::move(end.error));
  fresh_token_ = true;
  token_.clear();
  oldest_question_ = question_ + 1;
  if (after_delay) return retry(end);
  StateChange change;
  change.state = State::waiting;
  change.error = end.error;
  set_state(change);
  if (abandoned_ || state_ != State::waiting) return;
  ask_token(TokenReason::refused);
  attempt_deadline_ = port_.now() + options_.connect_timeout;
  set_state({.state = State::connecting});
}

void Core::send_auth(const std::string& token) {
  auth_id_ = --control_id_;
  control({*auth_id_, command::Auth{token}});
}

void Core::on_auth_answer(command::Reply* reply, const Error* error) {
  auth_id_.reset();
  if (const auto* authenticated = reply == nullptr ? nullptr : std::get_if<command::Authenticated>(reply)) {
    plan_refresh(authenticated->expires_in_s);
    // Those that had to wait for a good token.
    for (const auto& [name, subscription] : subscriptions_) {
      if (subscription->phase == Subscription::Phase::waiting && !subscription->from_token) {
        send_subscribe(subscription);
      }
    }
    return;
  }
  if (error == nullptr) return;
  tell(*error);
  if (error->code == ErrorCode::forbidden) {
    // Another user's: this connection speaks for the old one for ever.
    cut_off(end_lost("the new token is another user's, which takes a new connection"));
    return;
  }
  refresh_at_ = port_.now() + ask_again;
}

}  // namespace crier::client
