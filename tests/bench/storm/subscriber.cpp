#include "tests/bench/storm/subscriber.hpp"

#include "tests/bench/load/text.hpp"
#include "tests/bench/storm/run.hpp"
#include "tests/bench/storm/wire.hpp"

namespace crier::storm {

namespace {

constexpr std::uint32_t connections_per_source = 10'000;
constexpr std::int64_t retry_ns = 100 * bench::millisecond_ns;  // of a command, at least half of it

}  // namespace

Subscriber::Subscriber(Run& run, std::uint32_t number, std::uint32_t channel, bool stays)
    : run_(run), number_(number), channel_(channel), stays_(stays) {
  sequences_.start(1);
}

void Subscriber::connect() {
  connecting_since_ = run_.loop.now();
  state_ = State::connecting;
  Connection::Owner& self = *this;
  connection_ =
      std::make_unique<Connection>(run_.loop, run_.endpoint, self, stays_ ? Lane::urgent : Lane::crowd,
                                   number_ / connections_per_source, run_.options.tls_resume ? &ticket_ : nullptr);
  connection_->open();
}

void Subscriber::reconnect_after(std::int64_t ns) {
  run_.loop.after(ns, [this] { connect(); });
}

void Subscriber::leave() {
  if (state_ == State::live) --run_.live;
  state_ = State::away;
}

void Subscriber::drop(std::int64_t return_after_ns) {
  if (state_ == State::away || state_ == State::connecting) return;  // it is on its way back already
  leave();
  away_since_ = run_.loop.now();
  connection_.reset();
  reconnect_after(return_after_ns);
}

void Subscriber::on_open() {
  run_.count_open(*connection_);
  failures_ = 0;
  subscribe();
}

void Subscriber::subscribe() {
  state_ = State::subscribing;
  std::string command = R"({"op":"subscribe","id":1,"channel":")" + run_.channels[channel_].name + '"';
  if (!position_.empty()) command += R"(,"since":")" + position_ + '"';
  connection_->send(command + '}');
}

void Subscriber::on_text(std::string_view text) {
  if (is_op(text, "message")) return on_message(text);
  if (is_op(text, "subscribed")) return on_subscribed(text);
  if (is_op(text, "error")) return on_error(text);
  if (is_op(text, "gap")) {
    ++run_.counters.gaps;
    run_.complain("a gap: " + std::string(text));
  } else if (is_op(text, "drain")) {
    ++run_.counters.drains;
  } else if (is_op(text, "unsubscribed")) {
    // The close that follows brings it back.
    ++run_.counters.unsubscribed;
    if (state_ == State::live) away_since_ = run_.loop.now();
    leave();
    if (!is_retryable(string_of(text, "code"))) run_.complain("the subscription ended: " + std::string(text));
  }
}

void Subscriber::on_message(std::string_view text) {
  const auto stamp = stamp_of(text);
  if (!stamp || stamp->channel != channel_) {
    ++run_.counters.misrouted;
    return run_.complain("not for this subscriber: " + std::string(text));
  }
  position_ = string_of(text, "position");
  switch (sequences_.arrived(0, stamp->sequence)) {
    case bench::Arrival::in_order: ++run_.counters.received; break;
    case bench::Arrival::late:
      ++run_.counters.received;
      ++run_.counters.misordered;
      break;
    case bench::Arrival::duplicate:
      ++run_.counters.twice;
      run_.complain("twice: " + std::string(text));
      break;
  }
  run_.count_latency(stamp->due, stays_);
  if (state_ == State::replaying && --replay_left_ == 0) become_live();
}

void Subscriber::on_subscribed(std::string_view text) {
  if (!position_.empty()) {
    const auto recovered = behind(text, "recovered");
    const bool good = recovered && recovered->starts_with("true");
    ++(good ? run_.counters.recovered : run_.counters.unrecovered);
    if (!good) run_.complain("not recovered from " + position_ + ": " + std::string(text));
  }
  position_ = string_of(text, "position");
  replay_left_ = integer_of(text, "replayed").value_or(0);
  run_.counters.replayed += static_cast<std::uint64_t>(replay_left_);
  state_ = State::replaying;
  if (replay_left_ == 0) become_live();
}

void Subscriber::become_live() {
  state_ = State::live;
  ++run_.live;
  if (away_since_ == 0) return;
  run_.recoveries.add(run_.loop.now());
  run_.away.add(run_.loop.now() - away_since_);
  run_.coming_back.add(run_.loop.now() - connecting_since_);
}

void Subscriber::on_error(std::string_view text) {
  ++run_.counters.subscribes_refused;
  if (!is_retryable(string_of(text, "code"))) run_.complain("refused: " + std::string(text));
  const Connection* const of_this_try = connection_.get();
  run_.loop.after(retry_ns / 2 + run_.jitter(retry_ns / 2), [this, of_this_try] {
    if (connection_.get() == of_this_try && connection_->is_open() && state_ == State::subscribing) subscribe();
  });
}

void Subscriber::on_end(const End& end) {
  run_.count_end(end);
  if (state_ == State::live || state_ == State::replaying) away_since_ = run_.loop.now();
  leave();
  reconnect_after(run_.reconnect_delay(end, failures_++));
}

std::uint64_t Subscriber::missing() const {
  return sequences_.gaps() + (run_.channels[channel_].published - sequences_.next(0));
}

}  // namespace crier::storm
