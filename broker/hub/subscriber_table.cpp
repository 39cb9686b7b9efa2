#include "broker/hub/subscriber_table.hpp"

#include <utility>

#include "broker/hub/presence_text.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::hub {

using State = Subscription::State;

std::string_view Subscription::name() const noexcept {
  return topic->name();
}

bool Subscription::pattern() const noexcept {
  return topic->pattern;
}

// --- who subscribes

Subscription& SubscriberTable::add(Subscriber& subscriber, std::string_view name, std::size_t hash, bool pattern) {
  Topic* topic = pattern ? patterns_.find(name) : channels_.find(name, hash);
  if (topic == nullptr) {
    std::unique_ptr<Topic> fresh = Topic::make(name, hash, pattern);
    topic = pattern ? &patterns_.insert(std::move(fresh)) : &channels_.insert(std::move(fresh));
  }
  auto subscription = std::make_unique<Subscription>();
  subscription->subscriber = &subscriber;
  subscription->topic = topic;
  subscription->serial = next_serial_++;
  subscription->place = topic->subscriptions.size() & 0x0FFFFFFF;
  topic->subscriptions.push_back(subscription.get());
  if (!name.starts_with(internal_channel_prefix)) metrics_.subscriptions.add(1);
  return *subscription.release();  // owned by the list; `remove` takes it back
}

// What a former interest of this shard still had in the lane is older than where a new one begins: who lags
// must not go back to it.
void SubscriberTable::pass(Topic& topic, std::uint64_t through, std::uint64_t number) {
  if (!topic.flow || topic.flow->offset >= through) return;
  topic.flow->offset = through;
  topic.flow->number = number;
}

void SubscriberTable::make_live(Subscription& subscription, std::uint64_t through, std::uint64_t number) {
  close_turn(*subscription.topic);
  pass(*subscription.topic, through, number);
  if (subscription.catch_up) {
    stop_reading_backlog(subscription);
    subscription.catch_up.reset();
    metrics_.lagging.add(-1);
  }
  subscription.state = State::live;
}

void SubscriberTable::start_replay(Subscription& subscription, std::uint64_t after, std::uint64_t number) {
  CRIER_ASSERT(subscription.state == State::pending);
  subscription.catch_up = std::make_unique<CatchUp>();
  subscription.catch_up->after = after;
  subscription.catch_up->number = number;
  subscription.catch_up->replay = true;
  subscription.state = State::catching_up;
  metrics_.lagging.add(1);
}

void SubscriberTable::remove(Subscription& subscription) {
  const std::unique_ptr<Subscription> owned(&subscription);
  Topic& topic = *subscription.topic;
  close_turn(topic);
  if (subscription.catch_up) {
    stop_reading_backlog(subscription);
    metrics_.lagging.add(-1);
  }
  const std::uint32_t place = subscription.place;
  topic.subscriptions.swap_remove(place);
  if (place < topic.subscriptions.size()) topic.subscriptions[place]->place = place & 0x0FFFFFFF;
  if (!topic.name().starts_with(internal_channel_prefix)) metrics_.subscriptions.add(-1);
  if (!topic.subscriptions.empty()) return;
  if (topic.pattern) {
    patterns_.erase(topic);
  } else {
    channels_.erase(topic);
  }
}

const config::Namespace& SubscriberTable::settings_of(const Topic& topic) const {
  return config_.settings_of(command::namespace_of(topic.name()));
}

// --- who lags

bool SubscriberTable::lag(Subscription& subscription) {
  Topic& topic = *subscription.topic;
  if (!subscription.live() || !topic.flow || topic.flow->passed == 0) return false;
  Flow& flow = *topic.flow;
  const config::Namespace& settings = settings_of(topic);
  const bool history =
      !topic.pattern && settings.history.messages > 0 && settings.overflow != config::Overflow::conflate;
  if (!history && settings.overflow == config::Overflow::disconnect) return false;
  close_turn(topic);
  auto catch_up = std::make_unique<CatchUp>();
  catch_up->after = flow.offset;
  catch_up->number = history ? flow.number : flow.passed;
  catch_up->backlog = !history;
  subscription.catch_up = std::move(catch_up);
  subscription.state = State::catching_up;
  metrics_.lagging.add(1);
  metrics_.lags.add();
  if (history) return true;
  ++flow.laggards;
  if (!flow.backlog) {
    flow.backlog = std::make_unique<Backlog>(
        settings.overflow == config::Overflow::conflate ? Backlog::Kind::conflate : Backlog::Kind::drop_oldest);
  }
  return true;
}

void SubscriberTable::stop_reading_backlog(Subscription& subscription) {
  if (!subscription.catch_up->backlog) return;
  Flow& flow = *subscription.topic->flow;
  CRIER_ASSERT(flow.laggards > 0);
  if (--flow.laggards > 0) return;
  backlog_bytes_ -= flow.backlog->bytes();
  flow.backlog.reset();
}

Backlog::Read SubscriberTable::read_backlog(Subscription& subscription, std::size_t bytes_max) {
  CRIER_ASSERT(subscription.catch_up && subscription.catch_up->backlog);
  Backlog::Read read = subscription.topic->flow->backlog->read(subscription.catch_up->number, bytes_max);
  subscription.catch_up->number = read.through;
  if (read.at_top) make_live(subscription);
  return read;
}

void SubscriberTable::append_backlog(Flow& flow, const MessagePtr& message) {
  Backlog& backlog = *flow.backlog;
  backlog_bytes_ -= backlog.bytes();
  backlog.append(message, flow.passed);
  backlog.trim(limits_.topic_bytes_max);
  // All topics together: the one that grows makes room, so that a quiet one keeps what it has.
  const std::size_t others = backlog_bytes_;
  if (others + backlog.bytes() > limits_.total_bytes_max) {
    backlog.trim(limits_.total_bytes_max > others ? limits_.total_bytes_max - others : 0);
  }
  backlog_bytes_ += backlog.bytes();
}

// A message passes a subscription that catches up. Under `disconnect` the history not
// reaching back far enough is the end: no need to wait until the socket drains.
void SubscriberTable::note_missed(Subscription& subscription, const Message& message) {
  CatchUp& catch_up = *subscription.catch_up;
  if (message.excludes(subscription.subscriber->id())) catch_up.excluded = true;
  if (catch_up.backlog || catch_up.replay || catch_up.number == 0) return;
  const config::Namespace& settings = settings_of(*subscription.topic);
  if (settings.overflow != config::Overflow::disconnect) return;
  if (message.number() - catch_up.number > settings.history.messages) subscription.subscriber->on_lost(subscription);
}

// --- fan-out

void SubscriberTable::deliver(const MessagePtr& message) {
  Topic* const topic = channels_.find(message->channel(), message->channel_hash());
  if (topic != nullptr) deliver_to(*topic, message);  // else the last subscriber left meanwhile
  if (patterns_.empty() || message->probe()) return;
  patterns_.match(message->channel(), [&](Topic& matching) { deliver_to(matching, message); });
}

void SubscriberTable::deliver_to(Topic& topic, const MessagePtr& message) {
  if (!topic.flow) topic.flow = std::make_unique<Flow>();
  Flow& flow = *topic.flow;
  flow.offset = message->offset();
  flow.number = message->number();
  ++flow.passed;
  if (flow.backlog) append_backlog(flow, message);
  if (flow.audience != Flow::Audience::subscribers || message->excludes_anyone()) {
    close_turn(topic);
    open_turn(topic, Flow::Audience::subscribers, message.operator->());
  }
  append(topic, *message);
  if (message->excludes_anyone()) close_turn(topic);
}

// The subscribers of what is said from now on, until the turn of the topic ends. `message`: the first one.
void SubscriberTable::open_turn(Topic& topic, Flow::Audience audience, const Message* message) {
  Flow& flow = *topic.flow;
  flow.audience = audience;
  flow.place = open_turns_.size();
  flow.receivers = 0;
  open_turns_.push_back(&topic);
  for (Subscription* const subscription : topic.subscriptions) {
    if (!subscription->live()) {
      if (subscription->catch_up && message != nullptr) note_missed(*subscription, *message);
      continue;
    }
    const bool watches = subscription->watching && !subscription->presence_stale;
    if (audience == Flow::Audience::watchers && !watches) continue;
    Subscriber& subscriber = *subscription->subscriber;
    if (message != nullptr && message->excludes(subscriber.id())) continue;
    ++flow.receivers;
    if (subscriber.form() == WireForm::sse && message != nullptr) {
      flow.singles.push_back(subscription);
      continue;
    }
    ChunkPtr& chunk = flow.chunks[static_cast<std::size_t>(subscriber.form())];
    if (!chunk) chunk = pool_.take();
    subscriber.deliver(chunk);
  }
}

void SubscriberTable::append(Topic& topic, const Message& message) {
  Flow& flow = *topic.flow;
  const std::string_view pattern = topic.pattern ? topic.name() : std::string_view{};
  for (std::size_t form = 0; form < wire_form_count; ++form) {
    if (!flow.chunks[form]) continue;
    std::string& bytes = flow.chunks[form]->bytes;
    const std::size_t before = bytes.size();
    encoder_.append(bytes, message, static_cast<WireForm>(form), pattern);
    turn_bytes_ += bytes.size() - before;
  }
  if (!flow.singles.empty()) {
    const ChunkPtr event = pool_.take();
    encoder_.append(event->bytes, message, WireForm::sse, pattern);
    turn_bytes_ += event->bytes.size();
    for (const Subscription* const single : flow.singles) {
      single->subscriber->deliver_event(*single, event, message);
    }
  }
  if (!message.probe()) metrics_.delivered.add(flow.receivers);
}

// Whoever lags is told the members anew when it has caught up: joins are in no history (design rule 13).
void SubscriberTable::deliver_presence(const PresenceEvent& event) {
  Topic* const topic = channels_.find(event.channel, event.channel_hash);
  if (topic == nullptr) return;
  for (Subscription* const subscription : topic->subscriptions) {
    if (subscription->watching && subscription->state == State::catching_up) subscription->presence_stale = 1;
  }
  if (!topic->flow) topic->flow = std::make_unique<Flow>();
  Flow& flow = *topic->flow;
  if (flow.audience != Flow::Audience::watchers) {
    close_turn(*topic);
    open_turn(*topic, Flow::Audience::watchers, nullptr);
  }
  scratch_.clear();
  append_presence_push(scratch_, event);
  for (std::size_t form = 0; form < wire_form_count; ++form) {
    if (!flow.chunks[form]) continue;
    const std::size_t before = flow.chunks[form]->bytes.size();
    encoder_.append_push(flow.chunks[form]->bytes, scratch_, static_cast<WireForm>(form));
    turn_bytes_ += flow.chunks[form]->bytes.size() - before;
  }
}

void SubscriberTable::refresh_presence(Subscription& subscription) {
  close_turn(*subscription.topic);
  subscription.presence_stale = 0;
}

void SubscriberTable::change_epoch(const EpochChange& change) {
  Topic* const topic = channels_.find(change.channel, change.channel_hash);
  if (topic == nullptr) return;
  close_turn(*topic);
  for (Subscription* const subscription : topic->subscriptions) {
    if (subscription->live()) subscription->subscriber->on_epoch_change(*subscription, change.position);
  }
}

// --- turns

void SubscriberTable::close_turn(Topic& topic) {
  if (!topic.flow || topic.flow->audience == Flow::Audience::nobody) return;
  Flow& flow = *topic.flow;
  open_turns_[flow.place] = open_turns_.back();
  open_turns_[flow.place]->flow->place = flow.place;
  open_turns_.pop_back();
  for (ChunkPtr& chunk : flow.chunks) chunk = ChunkPtr{};
  flow.singles.clear();
  flow.audience = Flow::Audience::nobody;
}

void SubscriberTable::end_turn() {
  while (!open_turns_.empty()) close_turn(*open_turns_.back());
  turn_bytes_ = 0;
}

}  // namespace crier::hub
