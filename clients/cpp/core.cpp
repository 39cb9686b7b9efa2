#include "clients/cpp/core.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/http/head_syntax.hpp"

namespace crier::client {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A connection that lasted so long was a good one: the next failure is the first of its kind.
constexpr seconds good_connection{5};
constexpr unsigned doublings_max = 20;
// Whoever was not run for so long (a stopped process, a suspended machine) first hears what has come meanwhile.
constexpr seconds late_after{1};
constexpr milliseconds put_off_by{500};
// More overflows somewhere.
constexpr std::chrono::hours timeout_max{24 * 24};

std::string random_word(Port& port) {
  std::array<char, 16> digits;
  std::string word;
  for (int i = 0; i < 2; ++i) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), port.random(), 36).ptr;
    word.append(digits.data(), end);
  }
  return word;
}

std::uint64_t limit(const command::Welcome& welcome, std::string_view name, std::uint64_t otherwise) {
  const auto found = std::find_if(welcome.limits.begin(), welcome.limits.end(),
                                  [&](const command::Welcome::Limit& known) { return known.name == name; });
  return found == welcome.limits.end() ? otherwise : found->value;
}

}  // namespace

Error make_error(ErrorCode code, std::string message) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  return error;
}

std::optional<std::string> check_options(const Options& options) {
  if (!options.token.empty() && options.token_source) return "token and token_source: give one of them, not both";
  if (options.token.size() > 8192 || !http::is_field_value(options.token)) return "token: it is no token or key";
  if (options.outbox_bytes_max < 1024) return "outbox_bytes_max: at least 1024 bytes";
  if (options.incoming_bytes_max < 1024) return "incoming_bytes_max: at least 1024 bytes";
  if (options.backoff.initial <= milliseconds(0) || options.backoff.max < options.backoff.initial) {
    return "backoff: initial must be above 0, and max not below it";
  }
  if (options.backoff.max > timeout_max) return "backoff: at most 24 days";
  for (const milliseconds timeout :
       {options.connect_timeout, options.command_timeout, options.heartbeat_timeout, options.close_timeout}) {
    if (timeout <= milliseconds(0) || timeout > timeout_max)
      return "connect_timeout, command_timeout, heartbeat_timeout, close_timeout: above 0, and at most 24 days";
  }
  for (const auto& [name, value] : options.headers) {
    if (!http::is_token(name) || !http::is_field_value(value)) return "headers: '" + name + "' cannot be sent";
  }
  return std::nullopt;
}

Core::Core(Port& port, Options options, ClientHandlers handlers)
    : port_(port),
      options_(std::move(options)),
      handlers_(std::move(handlers)),
      token_(options_.token),
      outbox_(options_.outbox_bytes_max),
      key_prefix_(random_word(port)) {}

void Core::start() {
  if (started_) return;
  started_ = true;
  retry_at_ = port_.now();
  port_.want_turn();
}

// ---- Connecting ----

void Core::connect() {
  if (abandoned_) return;
  retry_at_.reset();
  if (options_.token_source && (token_.empty() || (token_ends_at_ && *token_ends_at_ <= port_.now()))) {
    // The attempt's deadline runs from here, so that a source that never answers is told.
    if (!token_.empty()) {
      ask_token(TokenReason::expiring);
    } else {
      ask_token(fresh_token_ ? TokenReason::refused : TokenReason::first);
    }
  } else {
    port_.connect(token_);
  }
  attempt_deadline_ = port_.now() + options_.connect_timeout;
  set_state({.state = State::connecting});
}

void Core::on_welcome(command::Welcome& welcome) {
  attempt_deadline_.reset();
  worked_once_ = true;
  last_failure_.reset();
  draining_ = false;
  fresh_token_ = false;
  connected_at_ = port_.now();
  heartbeat_ = seconds(std::clamp<std::int64_t>(welcome.heartbeat_s, 1, 3600));
  pinged_at_.reset();
  server_bytes_max_ = limit(welcome, "incoming_bytes_max", 0);
  server_commands_max_ =
      std::max<std::size_t>(1, limit(welcome, "commands_per_message_max", command::commands_per_message_max));
  plan_refresh(welcome.expires_in_s);
  send_subscriptions();
  StateChange change;
  change.state = State::connected;
  change.session = std::move(welcome.session);
  change.user = welcome.user.value_or("");
  change.server_version = std::move(welcome.version);
  set_state(change);
  port_.want_turn();
}

void Core::set_state(const StateChange& change) {
  state_ = change.state;
  call(handlers_.on_state, change);
}

// ---- Losing the connection ----

void Core::on_end(LinkEnd end) {
  if (state_ == State::closed) return;
  if (goodbye_) return finish(std::nullopt);
  lose(std::move(end));
  plan_time();
}

// By our own decision.
void Core::cut_off(LinkEnd end) {
  port_.drop();
  lose(std::move(end));
}

// Everything of the connection is forgotten; what goes on does so on the next one.
void Core::lose(LinkEnd end) {
  const bool was_connected = state_ == State::connected;
  const bool was_good = was_connected && port_.now() - connected_at_ >= good_connection;
  if (was_good) attempts_ = 0;
  attempt_deadline_.reset();
  pinged_at_.reset();
  refresh_at_.reset();
  auth_id_.reset();
  control_.clear();
  subscribing_.clear();
  subscribe_again_.clear();
  send_again_at_.reset();
  told_of_too_many_ = false;
  asking_ = false;  // what a source never answers is asked again with the next attempt
  for (const auto& [name, subscription] : subscriptions_) {
    subscription->phase = Subscription::Phase::waiting;
    subscription->renewed = false;
  }
  last_failure_ = end.error;
  const bool hopeless = end.remedy == Remedy::none || !options_.reconnect ||
                        (end.remedy == Remedy::retry_if_it_once_worked && !worked_once_);
  if (hopeless) return finish(std::move(end.error));
  Error in_flight = end.error;
  in_flight.code = ErrorCode::connection_lost;
  in_flight.message +=
      "; this command was on its way, and may have been carried out: a publish with `retry` is safe "
      "to send again";
  auto ended = outbox_.cut(in_flight);
  if (end.remedy == Remedy::new_token) {
    renew_token(std::move(end), was_connected && !was_good);
  } else {
    retry(end);
  }
  if (!room_handlers_.empty()) port_.want_turn();
  call_all(std::move(ended));
}

milliseconds Core::up_to(milliseconds most) {
  return milliseconds(port_.random() % (static_cast<std::uint64_t>(most.count()) + 1));
}

// Full jitter: whoever lost the connection together comes back spread out. A broker that drains has spread its
// connections over time already, and wants each back at once; but not again and again.
void Core::retry(const LinkEnd& end) {
  milliseconds delay{0};
  if (!draining_ || attempts_ > 0) {
    const auto cap = options_.backoff.initial * (1LL << std::min(attempts_, doublings_max));
    delay = up_to(std::min<milliseconds>(cap, options_.backoff.max));
  }
  ++attempts_;
  draining_ = false;
  if (end.error.retry_after) delay += *end.error.retry_after;
  retry_at_ = port_.now() + delay;
  StateChange change;
  change.state = State::waiting;
  change.error = end.error;
  change.retry_in = delay;
  set_state(change);
}

// The end: by close(), or with the reason why there is no point in going on.
void Core::finish(std::optional<Error> error) {
  if (state_ == State::closed) return;
  port_.drop();
  attempt_deadline_.reset();
  retry_at_.reset();
  close_deadline_.reset();
  refresh_at_.reset();
  send_again_at_.reset();
  control_.clear();
  Error closed = make_error(ErrorCode::closed, "the client was closed before this was done");
  if (last_failure_) closed.message += ": " + last_failure_->message;
  if (error) closed = *error;
  Error sent = closed;
  sent.code = ErrorCode::connection_lost;
  sent.message += "; this command was on its way, and may have been carried out";
  auto ended = outbox_.clear(sent, closed);
  auto subscriptions = std::exchange(subscriptions_, {});
  subscribing_.clear();
  StateChange change;
  change.state = State::closed;
  change.error = error;
  set_state(change);
  call_all(std::move(ended));
  if (error) {
    for (const auto& [name, subscription] : subscriptions) call(subscription->handlers.on_ended, *error);
  }
  port_.want_turn();  // for those who wait for room or for the end
}

// ---- Closing ----

void Core::close(std::function<void()> done) {
  if (done) close_handlers_.push_back(std::move(done));
  if (!closing_) close_deadline_ = port_.now() + options_.close_timeout;
  closing_ = true;
  port_.want_turn();
}

// What is on its way has the time of close_timeout, and so has the peer to answer our goodbye.
void Core::check_close(TimePoint now) {
  if (!closing_ || state_ == State::closed) return;
  const bool late = close_deadline_ && *close_deadline_ <= now;
  if (goodbye_ || !started_) {
    if (late || !started_) finish(std::nullopt);
    return;
  }
  if (!outbox_.empty() && !late) return;
  if (state_ != State::connected) return finish(std::nullopt);
  goodbye_ = true;
  close_deadline_ = now + std::min<milliseconds>(options_.close_timeout, seconds(1));
  port_.close(websocket::CloseCode::normal);
}

// ---- Time ----

void Core::check_heartbeat(TimePoint now) {
  if (state_ != State::connected || paused_ || goodbye_) return;
  const TimePoint heard_at = port_.heard_at();
  if (pinged_at_ && heard_at >= *pinged_at_) pinged_at_.reset();
  if (pinged_at_) {
    if (now >= *pinged_at_ + options_.heartbeat_timeout) cut_off(end_lost("nothing was heard, not even after a ping"));
  } else if (now >= heard_at + heartbeat_) {
    pinged_at_ = now;
    control({{}, command::PingCommand{}});
  }
}

// Late? Then others' silence is not held against them yet. Once only: a loop may be late all the time.
bool Core::put_off(TimePoint now) {
  if (!put_off_until_ && planned_at_ < now - late_after) put_off_until_ = now + put_off_by;
  if (put_off_until_ && now < *put_off_until_) {
    port_.want_time(*put_off_until_);
    return true;
  }
  put_off_until_.reset();
  return false;
}

void Core::on_time() {
  const TimePoint now = port_.now();
  if (abandoned_ || put_off(now)) return;
  // While we ourselves do not read, nobody can be late.
  if (attempt_deadline_ && !paused_ && *attempt_deadline_ <= now) {
    auto refusal = port_.refusal();
    cut_off(refusal ? std::move(*refusal)
                    : LinkEnd{make_error(ErrorCode::unreachable,
                                         "no `welcome` came within connect_timeout: is the broker there, and is "
                                         "the URL right?"),
                              Remedy::retry});
  }
  check_heartbeat(now);
  if (retry_at_ && *retry_at_ <= now) connect();
  if (refresh_at_ && *refresh_at_ <= now) {
    refresh_at_.reset();
    if (!asking_) ask_token(TokenReason::expiring);
  }
  if (send_again_at_ && *send_again_at_ <= now) {
    send_again_at_.reset();
    outbox_.release();
  }
  while (!subscribe_again_.empty() && subscribe_again_.begin()->first <= now) {
    const auto subscription = find(subscribe_again_.begin()->second);
    subscribe_again_.erase(subscribe_again_.begin());
    if (subscription && subscription->phase == Subscription::Phase::waiting) send_subscribe(subscription);
  }
  call_all(outbox_.expire(
      now,
      make_error(ErrorCode::timeout, "no answer came within command_timeout; this command may have been carried out"),
      make_error(ErrorCode::offline, "there was no connection within command_timeout; this was surely not sent")));
  turn();
}

void Core::plan_time() {
  if (abandoned_) return port_.want_no_time();
  TimePoint earliest = TimePoint::max();
  const auto consider = [&earliest](const std::optional<TimePoint>& at) {
    if (at) earliest = std::min(earliest, *at);
  };
  if (!paused_) consider(attempt_deadline_);
  for (const auto& at : {retry_at_, close_deadline_, refresh_at_, send_again_at_, outbox_.deadline()}) consider(at);
  if (state_ == State::connected && !paused_ && !goodbye_) {
    consider(pinged_at_ ? *pinged_at_ + options_.heartbeat_timeout : port_.heard_at() + heartbeat_);
  }
  if (!subscribe_again_.empty()) consider(subscribe_again_.begin()->first);
  if (put_off_until_) earliest = std::max(earliest, *put_off_until_);
  planned_at_ = earliest;
  if (earliest != TimePoint::max()) return port_.want_time(earliest);
  port_.want_no_time();
}

// ---- Turns ----

void Core::turn() {
  if (abandoned_) return;
  const TimePoint now = port_.now();
  if (retry_at_ && *retry_at_ <= now) connect();
  send_waiting();
  check_close(now);
  call_waiting_for_room();
  if (state_ == State::closed) {
    for (const auto& handler : std::exchange(close_handlers_, {})) call(handler);
  }
  plan_time();
}

// A publication may be larger than what is free of a half empty outbox: who asked then hears of each change.
void Core::call_waiting_for_room() {
  const bool closed = state_ == State::closed;
  if (!closed && outbox_.bytes() * 2 > outbox_.bytes_max()) return;
  for (auto& one : std::exchange(room_handlers_, {})) {
    if (closed || outbox_.empty() || outbox_.bytes() < one.bytes) {
      call(one.handler);
    } else {
      room_handlers_.push_back(std::move(one));
    }
  }
}

void Core::on_ready() {
  send_waiting();
  if (closing_ || !room_handlers_.empty()) port_.want_turn();
}

void Core::call_all(std::vector<Ended> ended) {
  for (Ended& end : ended) {
    if (end.done) call(end.done, nullptr, &end.error);
  }
}

}  // namespace crier::client
