// What goes out: everything of a turn in as few messages as the broker takes.
#include <algorithm>

#include "clients/cpp/core.hpp"
#include "protocol/command/command_writer.hpp"

namespace crier::client {

namespace {

// A message of commands is not made larger than this, so that the first of them are not kept waiting for the last.
constexpr std::size_t batch_bytes_max = 128 * 1024;
constexpr std::size_t brackets = 2;

}  // namespace

// Appends to batch_, which begins with '['. False: it does not fit.
bool Core::append_command(std::string_view text) {
  const std::size_t most = server_bytes_max_ == 0 ? batch_bytes_max : std::min(batch_bytes_max, server_bytes_max_);
  const bool first = batch_.size() == 1;
  if (!first && batch_.size() + text.size() + brackets > most) return false;
  if (!first) batch_ += ',';
  batch_ += text;
  return true;
}

void Core::send_waiting() {
  if (state_ != State::connected || goodbye_) return;
  while (port_.ready()) {
    std::vector<Ended> refused;
    batch_.assign(1, '[');
    std::size_t commands = 0;
    for (; !control_.empty() && commands < server_commands_max_; ++commands) {
      if (!append_command(control_.front())) break;
      control_.pop_front();
    }
    while (control_.empty() && commands < server_commands_max_) {
      const Outbound* const next = outbox_.next();
      if (next == nullptr) break;
      if (server_bytes_max_ != 0 && next->text.size() + brackets > server_bytes_max_) {
        refused.push_back(outbox_.refuse_next(
            make_error(ErrorCode::too_large, "the command has " + std::to_string(next->text.size()) +
                                                 " bytes, over the broker's limits.incoming_bytes_max (" +
                                                 std::to_string(server_bytes_max_) + ")")));
        continue;
      }
      if (!append_command(next->text)) break;
      outbox_.sent();
      ++commands;
    }
    if (commands == 1) port_.send(std::string_view(batch_).substr(1));
    if (commands > 1) port_.send(batch_ += ']');
    call_all(std::move(refused));
    if (commands == 0) return;
  }
}

void Core::control(const command::Command& command) {
  std::string text;
  command::append_json(text, command);
  control_.push_back(std::move(text));
  port_.want_turn();
}

void Core::send_subscribe(const SubscriptionPtr& subscription) {
  subscription->phase = Subscription::Phase::pending;
  subscription->id = --control_id_;
  subscribing_[subscription->id] = subscription;
  command::Subscribe subscribe;
  subscribe.channel = subscription->channel;
  if (!subscription->pattern) {
    if (auto since = command::Position::parse(subscription->position)) subscribe.since = std::move(*since);
    subscribe.last = subscription->options.last;
    subscribe.presence = subscription->options.presence;
    // Who has seen messages and has no position left to go on from would get old ones again.
    if (subscription->was_live && !subscribe.since) subscribe.last.reset();
  }
  control({subscription->id, subscribe});
}

void Core::send_unsubscribe(Name channel) {
  control({{}, command::Unsubscribe{channel}});
}

// After a welcome. What the token subscribes by itself is pushed by the broker.
void Core::send_subscriptions() {
  for (const auto& [name, subscription] : subscriptions_) {
    if (!subscription->from_token) send_subscribe(subscription);
  }
}

}  // namespace crier::client
