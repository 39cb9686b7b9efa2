#include "broker/hub/shard.hpp"

#include <algorithm>

namespace crier::hub {

namespace {

// A turn's chunks are sent when they hold so many bytes, even if the turn goes on: enough to lose
// nothing to small writes, little enough for the caches and for a burst not to look like a slow reader.
constexpr std::size_t turn_bytes_max = 512 * 1024;

// A publish takes two rounds within a turn: to its home, and to its subscribers.
constexpr int rounds_max = 8;

// Memory of a self-batch that is kept for the next turn.
constexpr std::size_t spare_mails_max = 16 * 1024;

}  // namespace

Shard::Shard(ShardSettings settings, Surroundings& surroundings, runtime::ThreadMetrics& metrics)
    : settings_(std::move(settings)),
      surroundings_(surroundings),
      metrics_(metrics),
      encoder_(settings_.compression),
      subscribers_(pool_, encoder_, metrics),
      home_(settings_.epoch, settings_.channels_max, *this, metrics),
      outgoing_(settings_.shard_count),
      held_credit_(settings_.shard_count),
      lane_outstanding_(settings_.shard_count),
      lane_owed_(settings_.shard_count) {
  CRIER_ASSERT(settings_.self < settings_.shard_count);
}

SessionRef Shard::attach(Subscriber& subscriber) {
  thread_.check();
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].subscriber = &subscriber;
  return {slot, slots_[slot].generation};
}

void Shard::detach(SessionRef session) {
  thread_.check();
  CRIER_ASSERT(find(session) != nullptr);
  slots_[session.slot].subscriber = nullptr;
  ++slots_[session.slot].generation;
  free_slots_.push_back(session.slot);
}

Subscriber* Shard::find(SessionRef session) const noexcept {
  const Slot& slot = slots_[session.slot];
  return slot.generation == session.generation ? slot.subscriber : nullptr;
}

Subscription& Shard::subscribe(Subscriber& subscriber, SessionRef session, std::string_view channel) {
  thread_.check();
  const std::size_t hash = hash_of(channel);
  Subscription& subscription = subscribers_.add(subscriber, channel, hash);
  outgoing(home_of(hash))
      .requests.emplace_back(SubscribeRequest{session, subscription.serial, hash, std::string(channel)});
  return subscription;
}

void Shard::unsubscribe(Subscription& subscription) {
  thread_.check();
  if (subscription.live) {
    const std::size_t hash = subscription.channel->hash();
    outgoing(home_of(hash)).requests.emplace_back(UnsubscribeRequest{hash, std::string(subscription.channel_name())});
  }
  subscribers_.remove(subscription);
}

void Shard::make_live(Subscription& subscription) {
  thread_.check();
  subscribers_.make_live(subscription);
}

void Shard::forget(Subscription& subscription) {
  thread_.check();
  subscribers_.remove(subscription);
}

void Shard::publish(SessionRef session, MessageDraft draft, ReplyTag tag) {
  thread_.check();
  Batch& batch = outgoing(home_of(draft->channel_hash()));
  batch.requests.emplace_back(PublishRequest{session, std::move(draft), std::move(tag)});
}

Batch& Shard::batch_for(ShardId to) {
  std::unique_ptr<Batch>& batch = outgoing_[to];
  if (!batch) {
    batch = to == settings_.self && spare_ ? std::move(spare_) : std::make_unique<Batch>();
    batch->from = settings_.self;
  }
  return *batch;
}

Batch& Shard::outgoing(ShardId to) {
  if (!turn_wanted_) {
    turn_wanted_ = true;
    surroundings_.want_turn();
  }
  Batch& batch = batch_for(to);
  batch.urgent = true;
  return batch;
}

void Shard::send_message(ShardId to, const MessagePtr& message) {
  outgoing(to).deliveries.emplace_back(message);
  if (to != settings_.self) count_lane(to, message->bytes(), 0);
}

void Shard::send_answer(ShardId to, Delivery answer) {
  outgoing(to).deliveries.push_back(std::move(answer));
}

void Shard::send_credit(ShardId to, SessionRef session, std::size_t bytes) {
  Batch& batch = batch_for(to);
  held_credit_[to] += bytes;
  if (!batch.deliveries.empty()) {
    auto* const last = std::get_if<SessionCredit>(&batch.deliveries.back());
    if (last != nullptr && last->session == session) {
      last->bytes += bytes;
      return;
    }
  }
  batch.deliveries.emplace_back(SessionCredit{session, bytes});
}

// Counts bytes into and out of the lane to a shard, and how many lanes are over their limit.
void Shard::count_lane(ShardId to, std::size_t added, std::size_t taken) {
  std::size_t& bytes = lane_outstanding_[to];
  const bool was_full = bytes > settings_.lane_bytes_max;
  CRIER_ASSERT(bytes + added >= taken);
  bytes = bytes + added - taken;
  const bool full = bytes > settings_.lane_bytes_max;
  if (full && !was_full) ++full_lanes_;
  if (!full && was_full) --full_lanes_;
}

void Shard::receive(std::unique_ptr<Batch> batches) {
  thread_.check();
  turn_wanted_ = true;  // the turn follows; see the header
  std::size_t mails = 0;
  while (batches) {
    std::unique_ptr<Batch> rest = std::move(batches->next);
    mails += batches->requests.size() + batches->deliveries.size();
    take_batch(*batches);
    batches = std::move(rest);
  }
  metrics_.mailbox_depth.set(static_cast<std::int64_t>(mails));
}

void Shard::take_batch(Batch& batch) {
  if (!batch.requests.empty()) waiting_.push_back({batch.from, std::move(batch.requests), 0});
  std::size_t bytes = 0;
  for (Delivery& delivery : batch.deliveries) {
    if (const auto* message = std::get_if<MessagePtr>(&delivery)) bytes += (*message)->bytes();
    take_delivery(batch.from, delivery);
  }
  if (batch.from != settings_.self && bytes > 0) return_lane_credit(batch.from, bytes);
}

void Shard::take_delivery(ShardId from, Delivery& delivery) {
  std::visit(Overloaded{
                 [&](const MessagePtr& message) { take_message(*message); },
                 [&](PublishAnswer& answer) {
                   if (Subscriber* const session = find(answer.session)) {
                     session->on_credit(answer.message->bytes());
                     session->on_published(answer.tag, *answer.message);
                   }
                 },
                 [&](SubscribeAnswer& answer) { take_subscribe_answer(answer); },
                 [&](const SessionCredit& credit) {
                   if (Subscriber* const session = find(credit.session)) session->on_credit(credit.bytes);
                 },
                 [&](const LaneCredit& credit) { count_lane(from, 0, credit.bytes); },
             },
             delivery);
}

// A subscription that ended while it was pending is taken back only now: before the answer nobody here
// knows whether home counted it at all.
void Shard::take_subscribe_answer(SubscribeAnswer& answer) {
  Subscriber* const session = find(answer.session);
  if (session != nullptr) session->on_credit(subscribe_request_bytes);
  if (session != nullptr && session->on_subscribed(answer.serial, answer.start)) return;
  if (!answer.start) return;
  outgoing(home_of(answer.channel_hash))
      .requests.emplace_back(UnsubscribeRequest{answer.channel_hash, std::move(answer.channel)});
}

void Shard::take_message(const Message& message) {
  subscribers_.deliver(message);
  if (!message.probe()) {
    if (!received_.empty() && received_.back().first == message.received_ns()) {
      ++received_.back().second;
    } else {
      received_.emplace_back(message.received_ns(), 1);
    }
  }
  if (subscribers_.turn_bytes() > turn_bytes_max) {
    subscribers_.end_turn();
    surroundings_.flush();
  }
}

// Lane credit goes back in quarters of the lane: a message each would wake the home as often as it woke us.
void Shard::return_lane_credit(ShardId from, std::size_t bytes) {
  lane_owed_[from] += bytes;
  if (lane_owed_[from] < settings_.lane_bytes_max / 4) return;
  send_answer(from, LaneCredit{lane_owed_[from]});
  lane_owed_[from] = 0;
}

// Handles requests until there are none or a lane is full. True when any was handled.
bool Shard::take_requests(std::int64_t now_ms) {
  bool any = false;
  while (!waiting_.empty() && !lanes_full()) {
    WaitingRequests& front = waiting_.front();
    if (front.next == front.requests.size()) {
      front.requests.clear();
      if (front.requests.capacity() <= spare_mails_max) spare_requests_ = std::move(front.requests);
      waiting_.pop_front();
      continue;
    }
    home_.handle(front.from, front.requests[front.next++], now_ms);
    any = true;
  }
  return any;
}

void Shard::run_turn(Now now) {
  thread_.check();
  turn_wanted_ = true;  // whatever is added now is handled in this turn
  std::unique_ptr<Batch>& own = outgoing_[settings_.self];
  int rounds = 0;
  // Credit may let a session go on with what waited, and that brings new requests: after some rounds the
  // loop's other connections come first.
  while (rounds++ < rounds_max && (take_requests(now.wall_ms) || (own && !own->empty()))) {
    if (!own) continue;
    std::unique_ptr<Batch> batch = std::exchange(own, nullptr);
    held_credit_[settings_.self] = 0;
    take_batch(*batch);
    recycle(std::move(batch));
  }
  std::size_t held_back = 0;
  for (const WaitingRequests& waiting : waiting_) held_back += waiting.requests.size() - waiting.next;
  metrics_.requests_waiting.set(static_cast<std::int64_t>(held_back));
  subscribers_.end_turn();
  post_outgoing();
  turn_wanted_ = own && !own->empty();
  if (turn_wanted_) surroundings_.want_turn();
}

// The self-batch of every turn reuses the memory of the one before.
void Shard::recycle(std::unique_ptr<Batch> batch) {
  if (spare_ || batch->deliveries.capacity() > spare_mails_max) return;
  batch->deliveries.clear();
  batch->requests.clear();
  batch->urgent = false;
  if (batch->requests.capacity() < spare_requests_.capacity()) batch->requests.swap(spare_requests_);
  spare_ = std::move(batch);
}

void Shard::post_outgoing() {
  const std::size_t held_max = settings_.inflight_bytes_max / (2U * settings_.shard_count);
  for (ShardId to = 0; to < settings_.shard_count; ++to) {
    std::unique_ptr<Batch>& batch = outgoing_[to];
    if (to == settings_.self || !batch || batch->empty()) continue;
    // A batch of nothing but session credit can wait for company until it holds a good part of what one
    // session may have on its way; all homes together then hold less than half of it, so nobody starves.
    if (!batch->urgent && held_credit_[to] < held_max) continue;
    held_credit_[to] = 0;
    surroundings_.post(to, std::move(batch));
  }
}

void Shard::note_written(std::int64_t steady_ns) {
  for (const auto& [received_ns, messages] : received_) {
    metrics_.publish_to_write_s.observe(static_cast<double>(steady_ns - received_ns) / 1e9, messages);
  }
  received_.clear();
}

}  // namespace crier::hub
