// How a home takes a message: idempotency, the engine, history, fan-out, acknowledgement.
#include <algorithm>
#include <string>
#include <utility>

#include "broker/hub/home.hpp"
#include "protocol/base/check.hpp"

namespace crier::hub {

namespace {

// Taken out before a key is added: expired ones must not keep new ones out.
constexpr std::size_t keys_expired_at_once = 4;

engine::Publication publication_of(const Message& message, std::int64_t now_ms) {
  engine::Publication publication;
  publication.channel = message.channel();
  publication.data_json = message.data_json();
  publication.encoding = message.encoding();
  publication.conflate_key = message.conflate_key();
  publication.time_ms = now_ms;
  publication.expires_ms = message.expires_ms() == 0 ? 0 : now_ms + message.expires_ms();
  return publication;
}

// Is there anything to know of a channel once something was published in it?
bool remembers(const config::Namespace& settings) {
  return settings.history.messages > 0 || settings.rate > 0;
}

}  // namespace

IdempotencyKey Home::key_of(const PublishRequest& request) {
  return {request.draft->channel(), request.draft->channel_hash(), request.key->scope, request.key->key};
}

void Home::publish(ShardId from, PublishRequest& request) {
  const Message& draft = *request.draft;
  if (pending_bytes_ + draft.bytes() > limits_.engine_queue_bytes_max && !pending_.empty()) {
    return refuse(from, request,
                  {ErrorCode::unavailable, "", "the engine is behind: engine.queue_bytes_max is waiting for it"});
  }
  HomeChannel* channel = find(draft.channel(), draft.channel_hash());
  if (channel == nullptr && (request.key || (!draft.probe() && remembers(settings_of(draft.channel()))))) {
    channel = find_or_add(draft.channel(), draft.channel_hash());
    if (channel == nullptr) return refuse(from, request, too_many_channels());
  }
  if (request.key && settle_by_key(from, request)) return forget_if_done(*channel);
  if (const auto retry_after_s = over_rate(channel, draft)) {
    const Error why{ErrorCode::rate_limited, "channel",
                    "the channel gets more messages than rate (" + std::to_string(channel->settings->rate) +
                        " in a second) in the settings of its namespace: this one was not stored"};
    free_key(request, why);
    return refuse(from, request, why, retry_after_s);
  }
  const engine::Ticket ticket = next_ticket_++;
  auto answer = engine_->publish(ticket, publication_of(draft, now_ms_ + stepped_ms_));
  if (answer && *answer) return accept(from, request, channel, **answer, now_ms_, /*answered=*/false);
  if (answer) {
    free_key(request, answer->error());
    refuse(from, request, answer->error());
    if (channel != nullptr) forget_if_done(*channel);
    return;
  }
  // Later. A channel with something on its way is not forgotten. It may be one over channels_max: the engine has
  // been asked, and what may wait for it bounds how many there are of these.
  if (channel == nullptr) {
    channel = &add(draft.channel(), draft.channel_hash());
  }
  if (!channel->record) channel->record = std::make_unique<ChannelRecord>(*channel, budget_, floor_of(*channel));
  ++channel->record->pending;
  pending_bytes_ += draft.bytes();
  metrics_.engine_pending_bytes.set(static_cast<std::int64_t>(pending_bytes_));
  pending_.emplace(ticket, PendingPublish{from, std::move(request), *channel, now_ms_, false});
}

std::optional<std::int64_t> Home::over_rate(HomeChannel* channel, const Message& draft) {
  if (channel == nullptr || draft.probe() || channel->settings->rate == 0) return std::nullopt;
  if (!channel->record) channel->record = std::make_unique<ChannelRecord>(*channel, budget_, floor_of(*channel));
  runtime::Pace& pace = channel->record->pace;
  if (pace.take(channel->settings->rate, now_ms_)) return std::nullopt;
  return pace.wait_s(channel->settings->rate, now_ms_);
}

// True: the request is answered, or waits with an earlier one of its key.
bool Home::settle_by_key(ShardId from, PublishRequest& request) {
  keys_.expire(now_ms_, keys_expired_at_once, [&](std::string_view name, std::size_t hash) {
    HomeChannel* const channel = find(name, hash);
    --channel->record->keys;
    if (name != request.draft->channel()) forget_if_done(*channel);
  });
  const IdempotencyKey key = key_of(request);
  HomeChannel& channel = *find(key.channel, key.channel_hash);
  const std::size_t bytes = request.draft->bytes();
  IdempotencyKeys::Waiter waiter{from, request.session, std::move(request.tag), bytes};
  const auto lookup = keys_.begin(key, now_ms_, std::move(waiter));
  // NOLINTNEXTLINE(bugprone-use-after-move): taken only when it waits with the earlier one
  if (lookup.found != IdempotencyKeys::Found::pending) request.tag = std::move(waiter.tag);
  metrics_.idempotency_keys.set(static_cast<std::int64_t>(keys_.size()));
  switch (lookup.found) {
    case IdempotencyKeys::Found::fresh:
      if (!channel.record) channel.record = std::make_unique<ChannelRecord>(channel, budget_, floor_of(channel));
      ++channel.record->keys;
      return false;
    case IdempotencyKeys::Found::renewed: return false;
    case IdempotencyKeys::Found::pending: metrics_.duplicates.add(); return true;
    case IdempotencyKeys::Found::done:
      metrics_.duplicates.add();
      send_outcome(from, request.session, std::move(request.tag), key.channel, bytes,
                   position_of(*channel.settings, lookup.offset));
      return true;
    case IdempotencyKeys::Found::full:
      refuse(from, request,
             {ErrorCode::limit_exceeded, "key",
              "the broker remembers as many keys as limits.idempotency_keys_max allows, or too many publishes wait "
              "with this one"});
      return true;
  }
  __builtin_unreachable();
}

// The engine has it: from here on it exists.
void Home::accept(ShardId from, PublishRequest& request, HomeChannel* channel, std::uint64_t offset,
                  std::int64_t time_ms, bool answered) {
  const bool keeps = channel != nullptr && !request.draft->probe() && channel->settings->history.messages > 0;
  if (keeps && !channel->record) {
    channel->record = std::make_unique<ChannelRecord>(*channel, budget_, floor_of(*channel));
  }
  const std::string_view channel_name = request.draft->channel();
  CRIER_ASSERT(channel == nullptr || channel->name() == channel_name);
  Seal seal;
  if (keeps) seal.epoch = engine_->epoch();
  seal.offset = offset;
  seal.number = channel != nullptr && channel->record ? ++channel->record->number : 0;
  seal.time_ms = time_ms;
  seal.stepped_ms = stepped_ms_;
  std::vector<IdempotencyKeys::Waiter> waiters;
  if (request.key) {
    waiters = keys_.stored(key_of(request), offset, now_ms_ + channel->settings->idempotency_window.count());
  }
  const MessagePtr message = std::move(request.draft).seal(seal);
  if (!message->probe()) metrics_.published.add();
  fanned_out_ = std::max(fanned_out_, offset);
  if (channel != nullptr) {
    CRIER_ASSERT(offset > channel->top);  // the engine's order is the channel's (design rule 11)
    channel->top = offset;
    channel->published.add(now_ms_);
  }
  fan_out(channel, message);
  if (!answered) acknowledge(from, request, message);
  for (IdempotencyKeys::Waiter& waiter : waiters) {
    send_outcome(waiter.from, waiter.session, std::move(waiter.tag), message->channel(), waiter.bytes,
                 position_of(*channel->settings, offset));
  }
  if (keeps) remember(*channel, message);
}

// Makes room by the bytes, but forgets no channel's record on the way: sweeping does.
void Home::remember(HomeChannel& channel, const MessagePtr& message) {
  channel.record->append(message, {channel.settings->history.messages, channel.settings->history.age.count()});
  while (budget_.over()) {
    budget_.oldest()->drop_oldest();
    metrics_.history_evicted.add();
  }
  metrics_.history_bytes.set(static_cast<std::int64_t>(budget_.bytes()));
}

// Each shard once, whether for the channel itself or for patterns.
void Home::fan_out(const HomeChannel* channel, const MessagePtr& message) {
  if (patterns_.empty()) {
    if (channel == nullptr) return;
    for (const Interest& interest : channel->interests) lanes_.send_message(interest.shard, message);
    return;
  }
  targets_.clear();
  const auto add = [&](const Interests& interests) {
    for (const Interest& interest : interests) {
      if (std::find(targets_.begin(), targets_.end(), interest.shard) == targets_.end()) {
        targets_.push_back(interest.shard);
      }
    }
  };
  if (channel != nullptr) add(channel->interests);
  patterns_.match(message->channel(), [&](const HomePattern& pattern) { add(pattern.interests); });
  for (const ShardId shard : targets_) lanes_.send_message(shard, message);
}

void Home::acknowledge(ShardId from, PublishRequest& request, const MessagePtr& message) {
  if (request.tag.kind == ReplyTag::Kind::none) return lanes_.send_credit(from, request.session, message->bytes());
  lanes_.send_answer(from, PublishAnswer{request.session, std::move(request.tag), message, nullptr});
}

void Home::send_outcome(ShardId to, SessionRef session, ReplyTag tag, std::string_view channel, std::size_t bytes,
                        Result<std::optional<command::Position>> position, std::optional<std::int64_t> retry_after_s) {
  auto outcome =
      std::make_unique<PublishOutcome>(PublishOutcome{std::string(channel), bytes, std::move(position), retry_after_s});
  lanes_.send_answer(to, PublishAnswer{session, std::move(tag), MessagePtr{}, std::move(outcome)});
}

void Home::refuse(ShardId from, PublishRequest& request, const Error& why, std::optional<std::int64_t> retry_after_s) {
  metrics_.publishes_refused.add();
  const Message& draft = *request.draft;
  send_outcome(from, request.session, std::move(request.tag), draft.channel(), draft.bytes(), why, retry_after_s);
}

// The publish that owned the key has failed, and so have those that waited with it.
void Home::free_key(PublishRequest& request, const Error& why) {
  if (!request.key) return;
  const Message& draft = *request.draft;
  --find(draft.channel(), draft.channel_hash())->record->keys;
  for (IdempotencyKeys::Waiter& waiter : keys_.failed(key_of(request))) {
    send_outcome(waiter.from, waiter.session, std::move(waiter.tag), draft.channel(), waiter.bytes, why);
  }
}

std::optional<command::Position> Home::position_of(const config::Namespace& settings, std::uint64_t offset) const {
  if (settings.history.messages == 0) return std::nullopt;
  return command::Position{std::string(engine_->epoch()), offset};
}

// --- an engine that answers later

void Home::on_stored(engine::Ticket ticket, Result<std::uint64_t> offset) {
  const auto found = pending_.find(ticket);
  CRIER_ASSERT(found != pending_.end());
  PendingPublish pending = std::move(found->second);
  pending_.erase(found);
  pending_bytes_ -= pending.request.draft->bytes();
  metrics_.engine_pending_bytes.set(static_cast<std::int64_t>(pending_bytes_));
  HomeChannel& channel = pending.channel;
  // Whoever was told `timeout` has its credit back, and hears no more of it.
  if (offset) {
    accept(pending.from, pending.request, &channel, *offset, pending.time_ms, pending.timed_out);
  } else {
    free_key(pending.request, offset.error());
    if (!pending.timed_out) refuse(pending.from, pending.request, offset.error());
  }
  --channel.record->pending;
  forget_if_done(channel);
}

// In the order in which they were asked for, so the first ones are the oldest.
void Home::time_out_publishes() {
  for (auto& [ticket, pending] : pending_) {
    if (now_ms_ - pending.time_ms < config_.engine.timeout.count()) return;
    const Error why{ErrorCode::timeout, "",
                    "the engine has not answered within engine.timeout: the message may be stored; publish it again "
                    "only with the same key"};
    const Message& draft = *pending.request.draft;
    if (pending.request.key) {
      for (IdempotencyKeys::Waiter& waiter : keys_.take_waiters(key_of(pending.request))) {
        send_outcome(waiter.from, waiter.session, std::move(waiter.tag), draft.channel(), waiter.bytes, why);
      }
    }
    if (std::exchange(pending.timed_out, true)) continue;
    metrics_.engine_timeouts.add();
    send_outcome(pending.from, pending.request.session, std::exchange(pending.request.tag, {}), draft.channel(),
                 draft.bytes(), why);
  }
}

}  // namespace crier::hub
