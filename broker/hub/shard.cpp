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

Shard::Shard(const ShardSettings& settings, const config::Config& config, engine::Engine& engine,
             Surroundings& surroundings, runtime::ThreadMetrics& metrics)
    : settings_(settings),
      surroundings_(surroundings),
      metrics_(metrics),
      encoder_(settings_.compression),
      subscribers_(pool_, encoder_, config, settings_.backlog, metrics),
      home_(config, settings_.home, *this, metrics),
      outgoing_(settings_.shard_count),
      held_credit_(settings_.shard_count),
      lane_outstanding_(settings_.shard_count),
      lane_owed_(settings_.shard_count) {
  CRIER_ASSERT(settings_.self < settings_.shard_count);
  home_.attach(engine);
}

void Shard::reconfigure(const ShardSettings& settings) {
  thread_.check();
  CRIER_ASSERT(settings.self == settings_.self && settings.shard_count == settings_.shard_count);
  settings_ = settings;
  encoder_.reconfigure(settings.compression);
  subscribers_.set_limits(settings.backlog);
  home_.reconfigure(settings.home);
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

void Shard::request(ShardId to, ControlRequest request) {
  outgoing(to).requests.emplace_back(std::make_unique<ControlRequest>(std::move(request)));
}

Subscription& Shard::subscribe(Subscriber& subscriber, SessionRef session, std::string_view channel,
                               SubscribeOptions options) {
  thread_.check();
  const std::size_t hash = hash_of(channel);
  Subscription& subscription = subscribers_.add(subscriber, channel, hash, /*pattern=*/false);
  subscription.watching = options.watch ? 1 : 0;
  request(home_of(hash), SubscribeRequest{.session = session,
                                          .serial = subscription.serial,
                                          .channel_hash = hash,
                                          .channel = std::string(channel),
                                          .since = std::move(options.since),
                                          .last = options.last,
                                          .member = {subscriber.id(), std::move(options.identity)},
                                          .watch = options.watch});
  return subscription;
}

Subscription& Shard::subscribe_pattern(Subscriber& subscriber, SessionRef session, std::string_view pattern) {
  thread_.check();
  Subscription& subscription = subscribers_.add(subscriber, pattern, hash_of(pattern), /*pattern=*/true);
  PendingPattern& pending = pending_patterns_[subscription.serial];
  pending.subscription = &subscription;
  pending.open = settings_.shard_count;
  for (ShardId to = 0; to < settings_.shard_count; ++to) {
    request(to, PatternRequest{session, subscription.serial, std::string(pattern)});
  }
  return subscription;
}

void Shard::unsubscribe(Subscription& subscription) {
  thread_.check();
  const bool pending = subscription.state == Subscription::State::pending;
  if (subscription.pattern()) {
    if (pending) {
      // Each home's answer tells whether it counted the pattern: then it is told that it has ended.
      PendingPattern& waiting = pending_patterns_.at(subscription.serial);
      waiting.subscription = nullptr;
      for (const ShardId home : waiting.accepted) request(home, PatternRemoval{std::string(subscription.name())});
      waiting.accepted.clear();
    } else {
      for (ShardId to = 0; to < settings_.shard_count; ++to) {
        request(to, PatternRemoval{std::string(subscription.name())});
      }
    }
  } else if (!pending) {
    const std::size_t hash = subscription.topic->hash();
    request(home_of(hash), UnsubscribeRequest{.serial = subscription.serial,
                                              .channel_hash = hash,
                                              .channel = std::string(subscription.name()),
                                              .session = subscription.subscriber->id(),
                                              .watch = subscription.watching != 0});
  }
  subscribers_.remove(subscription);
}

void Shard::make_live(Subscription& subscription, std::uint64_t through, std::uint64_t number) {
  thread_.check();
  subscribers_.make_live(subscription, through, number);
}

void Shard::start_replay(Subscription& subscription, std::uint64_t after, std::uint64_t number) {
  thread_.check();
  subscribers_.start_replay(subscription, after, number);
}

void Shard::forget(Subscription& subscription) {
  thread_.check();
  subscribers_.remove(subscription);
}

bool Shard::lag(Subscription& subscription) {
  thread_.check();
  return subscribers_.lag(subscription);
}

void Shard::fetch(Subscription& subscription, SessionRef session, std::size_t bytes_max) {
  thread_.check();
  CatchUp& catch_up = *subscription.catch_up;
  CRIER_ASSERT(!catch_up.fetching && !catch_up.backlog);
  catch_up.fetching = true;
  const std::size_t hash = subscription.topic->hash();
  request(home_of(hash), FetchRequest{.session = session,
                                      .serial = subscription.serial,
                                      .channel_hash = hash,
                                      .channel = std::string(subscription.name()),
                                      .after = catch_up.after,
                                      .bytes_max = bytes_max});
}

Backlog::Read Shard::read_backlog(Subscription& subscription, std::size_t bytes_max) {
  thread_.check();
  return subscribers_.read_backlog(subscription, bytes_max);
}

void Shard::history(HistoryRequest request) {
  thread_.check();
  const ShardId to = home_of(request.channel_hash);
  this->request(to, std::move(request));
}

void Shard::presence(PresenceRequest request) {
  thread_.check();
  const ShardId to = home_of(request.channel_hash);
  this->request(to, std::move(request));
}

void Shard::publish(SessionRef session, MessageDraft draft, ReplyTag tag, std::unique_ptr<PublishRequest::Key> key) {
  thread_.check();
  Batch& batch = outgoing(home_of(draft->channel_hash()));
  batch.requests.emplace_back(PublishRequest{session, std::move(draft), std::move(tag), std::move(key)});
}

Batch& Shard::batch_for(ShardId to) {
  std::unique_ptr<Batch>& batch = outgoing_[to];
  if (!batch) {
    batch = to == settings_.self && spare_ ? std::move(spare_) : std::make_unique<Batch>();
    batch->from = settings_.self;
  }
  return *batch;
}

void Shard::want_turn() {
  if (std::exchange(turn_wanted_, true)) return;
  surroundings_.want_turn();
}

Batch& Shard::outgoing(ShardId to) {
  want_turn();
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
  want_turn();  // an engine that answers later does so between turns
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
                 [&](const MessagePtr& message) { take_message(message); },
                 [&](PublishAnswer& answer) { take_published(answer); },
                 [&](const SessionCredit& credit) {
                   if (Subscriber* const session = find(credit.session)) session->on_credit(credit.bytes);
                 },
                 [&](const LaneCredit& credit) { count_lane(from, 0, credit.bytes); },
                 [&](const std::unique_ptr<Answer>& answer) { take_answer(from, *answer); },
             },
             delivery);
}

void Shard::take_published(PublishAnswer& answer) {
  Subscriber* const session = find(answer.session);
  if (session == nullptr) return;
  session->on_credit(answer.message ? answer.message->bytes() : answer.outcome->bytes);
  session->on_published(answer);
}

void Shard::take_answer(ShardId from, Answer& answer) {
  std::visit(Overloaded{
                 [&](SubscribeAnswer& subscribed) { take_subscribe_answer(subscribed); },
                 [&](FetchAnswer& fetched) {
                   if (Subscriber* const session = find(fetched.session)) session->on_fetched(fetched);
                 },
                 [&](HistoryAnswer& history) {
                   Subscriber* const session = find(history.session);
                   if (session == nullptr) return;
                   session->on_credit(list_bytes_max);
                   session->on_history(history);
                 },
                 [&](PresenceAnswer& presence) {
                   Subscriber* const session = find(presence.session);
                   if (session == nullptr) return;
                   if (presence.tag.kind != ReplyTag::Kind::none) session->on_credit(list_bytes_max);
                   session->on_presence(presence);
                 },
                 [&](PatternAnswer& pattern) { take_pattern_answer(from, pattern); },
                 [&](const PresenceEvent& event) { subscribers_.deliver_presence(event); },
                 [&](const EpochChange& change) { subscribers_.change_epoch(change); },
                 [&](ListAnswer& list) { take_list_answer(list); },
                 [&](const DirectiveAnswer& directed) { take_directive_answer(directed); },
             },
             answer);
}

// A subscription that ended while it was pending is taken back only now: before the answer nobody here
// knows whether home counted it at all.
void Shard::take_subscribe_answer(SubscribeAnswer& answer) {
  Subscriber* const session = find(answer.session);
  if (session != nullptr) session->on_credit(answer.watch ? list_bytes_max : request_bytes);
  if (session != nullptr && session->on_subscribed(answer)) return;
  if (!answer.start) return;
  request(home_of(answer.channel_hash), UnsubscribeRequest{.serial = answer.serial,
                                                           .channel_hash = answer.channel_hash,
                                                           .channel = std::move(answer.channel),
                                                           .session = answer.id,
                                                           .watch = answer.watch});
}

// Live at the last home's answer: so every channel's messages begin at once, whatever its home. A refusal by
// any of them undoes all.
void Shard::take_pattern_answer(ShardId from, PatternAnswer& answer) {
  if (Subscriber* const session = find(answer.session)) session->on_credit(request_bytes);
  const auto found = pending_patterns_.find(answer.serial);
  CRIER_ASSERT(found != pending_patterns_.end());
  PendingPattern& pending = found->second;
  if (answer.refused) {
    pending.refused = std::move(answer.refused);
  } else if (pending.subscription == nullptr) {
    request(from, PatternRemoval{answer.pattern});
  } else {
    pending.accepted.push_back(from);
  }
  if (--pending.open > 0) return;
  const PendingPattern done = std::move(pending);
  pending_patterns_.erase(found);
  if (done.subscription == nullptr) return;
  Subscriber& subscriber = *done.subscription->subscriber;
  if (done.refused) {
    for (const ShardId home : done.accepted) request(home, PatternRemoval{answer.pattern});
    return subscriber.on_pattern(*done.subscription, &*done.refused);
  }
  subscribers_.make_live(*done.subscription);
  subscriber.on_pattern(*done.subscription, nullptr);
}

void Shard::take_message(const MessagePtr& message) {
  subscribers_.deliver(message);
  if (!message->probe()) {
    if (!received_.empty() && received_.back().first == message->received_ns()) {
      ++received_.back().second;
    } else {
      received_.emplace_back(message->received_ns(), 1);
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
    Request& request = front.requests[front.next++];
    if (const auto* const directive = std::get_if<std::unique_ptr<DirectiveRequest>>(&request)) {
      take_directive(front.from, **directive);
    } else {
      home_.handle(front.from, request, now_ms);
    }
    any = true;
  }
  return any;
}

void Shard::run_turn(Now now) {
  thread_.check();
  home_.set_clock_step(now.stepped_ms);
  turn_wanted_ = true;  // whatever is added now is handled in this turn
  std::unique_ptr<Batch>& own = outgoing_[settings_.self];
  home_.end_turn();  // of what the engine has answered since the last one
  int rounds = 0;
  // Credit may let a session go on with what waited, and that brings new requests: after some rounds the
  // loop's other connections come first.
  while (rounds++ < rounds_max && (take_requests(now.wall_ms) || (own && !own->empty()))) {
    home_.end_turn();
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
  metrics_.backlog_bytes.set(static_cast<std::int64_t>(subscribers_.backlog_bytes()));
  post_outgoing();
  turn_wanted_ = own && !own->empty();
  if (turn_wanted_) surroundings_.want_turn();
}

void Shard::tick(Now now) {
  thread_.check();
  home_.set_clock_step(now.stepped_ms);
  home_.tick(now.wall_ms);
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
