// A client's part in the end of a process: told when to leave, or that another process has taken over.
#include "broker/session/client.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::session {

using command::Op;

void Client::on_drain(std::chrono::milliseconds in) {
  push(command::Drain{in.count()});
}

// What is published from now on, this process does not see. A channel with a history is resumed in the other one by
// `since`, however late; on any other a subscription would go on as if nothing were said.
bool Client::on_handed_over() {
  bool loses = publishes_;
  for (std::uint32_t at = 0; at < subscriptions_.size();) {
    const std::string_view name = subscriptions_[at]->name();
    const bool kept = !command::looks_like_pattern(name) && settings_of(name).history.messages > 0;
    if (kept && !refuse(auth::Action::history, name)) {
      ++at;
      continue;
    }
    end_subscription(at, {ErrorCode::unavailable, "channel",
                          "the broker goes on in another process, and this has no history to resume from: subscribe "
                          "again after reconnecting"});
    loses = true;
  }
  return loses;
}

// True: it was refused. Who still has something to say is better off over there, at once.
bool Client::left_to_successor(const command::Command& command, const ReplySlot& slot) {
  const Op op = command.op();
  if (op == Op::ping || op == Op::unsubscribe) return false;
  fail(slot, op, "", {ErrorCode::unavailable, "", "the broker goes on in another process: reconnect and try again"});
  // A client that only posts has no connection of its own to lose.
  if (can_subscribe()) end(websocket::CloseCode::service_restart, "the broker goes on in another process");
  return true;
}

}  // namespace crier::session
