#include "broker/hub/subscriber_table.hpp"

#include <utility>

namespace crier::hub {

std::string_view Subscription::channel_name() const noexcept {
  return channel->name();
}

Subscription& SubscriberTable::add(Subscriber& subscriber, std::string_view name, std::size_t hash) {
  LocalChannel* channel = channels_.find(name, hash);
  if (channel == nullptr) channel = &channels_.insert(std::make_unique<LocalChannel>(name, hash));
  auto subscription = std::make_unique<Subscription>();
  subscription->subscriber = &subscriber;
  subscription->channel = channel;
  subscription->serial = next_serial_++;
  subscription->place = channel->subscriptions.size() & 0x7FFFFFFF;
  channel->subscriptions.push_back(subscription.get());
  if (!name.starts_with(internal_channel_prefix)) metrics_.subscriptions.add(1);
  return *subscription.release();  // owned by the list; `remove` takes it back
}

void SubscriberTable::make_live(Subscription& subscription) {
  close_turn(*subscription.channel);
  subscription.live = 1;
}

void SubscriberTable::remove(Subscription& subscription) {
  const std::unique_ptr<Subscription> owned(&subscription);
  LocalChannel& channel = *subscription.channel;
  close_turn(channel);
  const std::uint32_t place = subscription.place;
  channel.subscriptions.swap_remove(place);
  if (place < channel.subscriptions.size()) channel.subscriptions[place]->place = place & 0x7FFFFFFF;
  if (!channel.name().starts_with(internal_channel_prefix)) metrics_.subscriptions.add(-1);
  if (channel.subscriptions.empty()) channels_.erase(channel);
}

void SubscriberTable::deliver(const Message& message) {
  LocalChannel* const channel = channels_.find(message.channel(), message.channel_hash());
  if (channel == nullptr) return;  // the last subscriber left while the message was on its way
  if (message.excludes_anyone()) {
    close_turn(*channel);
    open_turn(*channel, message);
    append(*channel->turn, message);
    close_turn(*channel);
    return;
  }
  if (!channel->turn) open_turn(*channel, message);
  append(*channel->turn, message);
}

void SubscriberTable::open_turn(LocalChannel& channel, const Message& message) {
  if (spare_turns_.empty()) {
    channel.turn = std::make_unique<ChannelTurn>();
  } else {
    channel.turn = std::move(spare_turns_.back());
    spare_turns_.pop_back();
  }
  ChannelTurn& turn = *channel.turn;
  turn.channel = &channel;
  turn.place = open_turns_.size();
  turn.receivers = 0;
  open_turns_.push_back(&turn);
  for (Subscription* subscription : channel.subscriptions) {
    if (!subscription->live || message.excludes(subscription->subscriber->id())) continue;
    ChunkPtr& chunk = turn.chunks[static_cast<std::size_t>(subscription->subscriber->form())];
    if (!chunk) chunk = pool_.take();
    subscription->subscriber->deliver(chunk);
    ++turn.receivers;
  }
}

void SubscriberTable::append(ChannelTurn& turn, const Message& message) {
  for (std::size_t form = 0; form < wire_form_count; ++form) {
    if (!turn.chunks[form]) continue;
    std::string& bytes = turn.chunks[form]->bytes;
    const std::size_t before = bytes.size();
    encoder_.append(bytes, message, static_cast<WireForm>(form));
    turn_bytes_ += bytes.size() - before;
  }
  if (!message.probe()) metrics_.delivered.add(turn.receivers);
}

void SubscriberTable::close_turn(LocalChannel& channel) {
  if (!channel.turn) return;
  ChannelTurn& turn = *channel.turn;
  open_turns_[turn.place] = open_turns_.back();
  open_turns_[turn.place]->place = turn.place;
  open_turns_.pop_back();
  for (ChunkPtr& chunk : turn.chunks) chunk = ChunkPtr{};
  spare_turns_.push_back(std::move(channel.turn));
}

void SubscriberTable::end_turn() {
  while (!open_turns_.empty()) close_turn(*open_turns_.back()->channel);
  turn_bytes_ = 0;
}

}  // namespace crier::hub
