// How a client that reads too slowly, or that asked for the past, gets what it has not got yet: piece by
// piece, as its socket drains.
//
//   waiting bytes
//     over limits.outbox_bytes_max   every subscription that can be continued later is let go of: from then on
//                                    it holds a position and no messages. When what cannot be let go of
//                                    (replies, gaps, messages of namespaces that want a disconnect) adds to it
//                                    then, the connection ends
//     under a quarter of it          one piece, of at most an eighth, for one subscription in turn
#include <algorithm>
#include <utility>

#include "broker/session/client.hpp"

namespace crier::session {

bool Client::on_waiting(std::size_t bytes) {
  if (busy_ && busy_->lost) return false;
  const std::size_t bytes_max = environment_.config.limits.outbox_bytes_max;
  if (bytes <= bytes_max) {
    if (busy_) {
      busy_->tolerated = 0;
      catch_up_further(bytes);
      rest();
    }
    return true;
  }
  bool let_go = false;
  for (hub::Subscription* const subscription : subscriptions_) {
    if (!environment_.shard.lag(*subscription)) continue;
    let_go = true;
    start_catching_up();
  }
  // A turn may have brought more than the limit at once. That much may drain; on top of it there is room for
  // replies and heartbeats, and for nothing else.
  const std::size_t spare = bytes_max / 4;
  // Once: whoever subscribes again and again must not make it more each time.
  if (let_go && busy_->tolerated == 0) busy_->tolerated = bytes + spare;
  if (!busy_ || bytes > busy_->tolerated) return false;
  busy_->tolerated = std::min(busy_->tolerated, bytes + spare);
  return true;
}

void Client::start_catching_up() {
  ++busy().catching_up;
  host_.want_flush();  // which asks for the first piece when there is room
}

void Client::catch_up_further(std::size_t waiting_bytes) {
  const std::size_t bytes_max = environment_.config.limits.outbox_bytes_max;
  if (busy_->catching_up == 0 || busy_->fetching || waiting_bytes > bytes_max / 4) return;
  const std::size_t piece_bytes_max = bytes_max / 8;
  std::uint32_t at = busy_->next_to_catch_up;
  do {
    at = at + 1 < subscriptions_.size() ? at + 1 : 0;
  } while (!subscriptions_[at]->catch_up);
  busy_->next_to_catch_up = at;
  hub::Subscription& subscription = *subscriptions_[at];
  if (subscription.catch_up->backlog) return read_backlog(subscription, piece_bytes_max);
  busy_->fetching = true;
  environment_.shard.fetch(subscription, ref_, piece_bytes_max);
}

// `exact`: all of them were meant for this client.
void Client::gap(const hub::Subscription& subscription, std::optional<std::uint64_t> lost, bool conflated, bool exact) {
  environment_.metrics.gaps.add();
  environment_.metrics.lost.add(lost.value_or(0));
  if (conflated) environment_.metrics.conflated.add(lost.value_or(0));
  if (!exact) lost.reset();
  push(command::Gap{std::string(subscription.name()), lost, conflated, std::nullopt});
}

void Client::read_backlog(hub::Subscription& subscription, std::size_t bytes_max) {
  const bool exact = !subscription.catch_up->excluded;
  const hub::Backlog::Read read = environment_.shard.read_backlog(subscription, bytes_max);
  for (const hub::Backlog::Item& item : read.items) {
    if (item.lost_before > 0) gap(subscription, item.lost_before, item.conflated, exact);
    if (!item.message->excludes(id_)) send_message(subscription, *item.message);
  }
  if (read.lost_at_end > 0) gap(subscription, read.lost_at_end, /*conflated=*/false, exact);
  if (read.at_top) caught_up(subscription);
  host_.want_flush();
}

void Client::on_fetched(hub::FetchAnswer& answer) {
  CRIER_ASSERT(busy_ && busy_->fetching);
  busy_->fetching = false;
  host_.want_flush();  // the next one's turn, at least
  const std::uint32_t at = find_serial(answer.serial);
  if (at == subscriptions_.size()) return rest();
  hub::Subscription& subscription = *subscriptions_[at];
  hub::CatchUp& catch_up = *subscription.catch_up;
  CRIER_ASSERT(catch_up.fetching);
  catch_up.fetching = false;
  const bool lagged = !catch_up.replay;
  if (answer.evicted && lagged && settings_of(subscription.name()).overflow == config::Overflow::disconnect) {
    return on_lost(subscription);
  }
  const std::uint64_t next_number = answer.messages.empty() ? answer.through_number : answer.messages.front()->number();
  if (answer.evicted && (catch_up.number == 0 || next_number == 0)) {
    gap(subscription, std::nullopt, /*conflated=*/false, /*exact=*/false);
    catch_up.number = 0;  // what is gone has been told of
  }
  const auto tell_hole = [&](std::uint64_t number) {
    if (catch_up.number != 0 && number > catch_up.number + 1) {
      gap(subscription, number - catch_up.number - 1, /*conflated=*/false, !catch_up.excluded);
    }
  };
  for (const hub::MessagePtr& message : answer.messages) {
    tell_hole(message->number());
    if (!message->excludes(id_)) send_message(subscription, *message);
    catch_up.number = message->number();
  }
  catch_up.after = answer.through;
  if (!answer.at_top) return;
  if (answer.through_number != 0) tell_hole(answer.through_number + 1);
  environment_.shard.make_live(subscription, answer.through, answer.through_number);
  caught_up(subscription);
}

// It is live again. What it missed of who came and went is in no history (design rule 13).
void Client::caught_up(hub::Subscription& subscription) {
  --busy_->catching_up;
  if (subscription.watching && subscription.presence_stale) {
    environment_.shard.presence(hub::PresenceRequest{.session = ref_,
                                                     .tag = {},
                                                     .serial = subscription.serial,
                                                     .channel_hash = subscription.topic->hash(),
                                                     .channel = std::string(subscription.name()),
                                                     .after = std::nullopt});
  }
  rest();
}

void Client::on_lost(const hub::Subscription& /*subscription*/) {
  busy().lost = true;
  host_.want_flush();
}

}  // namespace crier::session
