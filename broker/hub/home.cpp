#include "broker/hub/home.hpp"

#include <utility>

namespace crier::hub {

void Home::handle(ShardId from, Request& request, std::int64_t now_ms) {
  std::visit(Overloaded{
                 [&](PublishRequest& publish_request) { publish(from, publish_request, now_ms); },
                 [&](SubscribeRequest& subscribe_request) { subscribe(from, subscribe_request); },
                 [&](const UnsubscribeRequest& unsubscribe_request) { unsubscribe(from, unsubscribe_request); },
             },
             request);
}

void Home::publish(ShardId from, PublishRequest& request, std::int64_t now_ms) {
  const MessagePtr message = std::move(request.draft).seal({epoch_, ++sequence_, sequence_, now_ms});
  if (!message->probe()) metrics_.published.add();
  if (const Channel* const channel = channels_.find(message->channel(), message->channel_hash())) {
    for (const Interest& interest : channel->interests) lanes_.send_message(interest.shard, message);
  }
  if (request.tag.kind == ReplyTag::Kind::none) {
    lanes_.send_credit(from, request.session, message->bytes());
  } else {
    lanes_.send_answer(from, PublishAnswer{request.session, std::move(request.tag), message});
  }
}

void Home::subscribe(ShardId from, SubscribeRequest& request) {
  const auto answer = [&](Result<command::Position> start) {
    lanes_.send_answer(from, SubscribeAnswer{request.session, request.serial, request.channel_hash,
                                             std::move(request.channel), std::move(start)});
  };
  Channel* channel = channels_.find(request.channel, request.channel_hash);
  if (channel == nullptr) {
    if (channels_.size() >= channels_max_) {
      return answer(
          Error{ErrorCode::limit_exceeded, "channel", "the broker has as many channels as limits.channels_max allows"});
    }
    channel = &channels_.insert(std::make_unique<Channel>(request.channel, request.channel_hash));
    if (!channel->name().starts_with(internal_channel_prefix)) metrics_.channels.add(1);
  }
  Interest* mine = nullptr;
  for (Interest& interest : channel->interests) {
    if (interest.shard == from) mine = &interest;
  }
  if (mine == nullptr) {
    channel->interests.push_back({.shard = from});
    mine = &channel->interests.back();
  }
  ++mine->subscriptions;
  // Through the same lane as the messages: what is published after this is behind the answer (I2).
  answer(command::Position{epoch_, sequence_});
}

void Home::unsubscribe(ShardId from, const UnsubscribeRequest& request) {
  Channel* const channel = channels_.find(request.channel, request.channel_hash);
  CRIER_ASSERT(channel != nullptr);
  for (std::uint32_t at = 0; at < channel->interests.size(); ++at) {
    Interest& interest = channel->interests[at];
    if (interest.shard != from) continue;
    if (--interest.subscriptions == 0) channel->interests.swap_remove(at);
    break;
  }
  if (!channel->interests.empty()) return;
  if (!channel->name().starts_with(internal_channel_prefix)) metrics_.channels.add(-1);
  channels_.erase(*channel);
}

}  // namespace crier::hub
