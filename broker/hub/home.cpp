#include "broker/hub/home.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/check.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::hub {

namespace {

// Floors of forgotten channels: so many, that one busy channel's end says little about the others.
constexpr std::size_t forgotten_floors = 4096;

bool is_internal(std::string_view channel) {
  return channel.starts_with(internal_channel_prefix);
}

}  // namespace

void add_interest(Interests& interests, ShardId shard) {
  for (Interest& interest : interests) {
    if (interest.shard != shard) continue;
    ++interest.subscriptions;
    return;
  }
  interests.push_back({.shard = shard, .unused = 0, .subscriptions = 1});
}

void remove_interest(Interests& interests, ShardId shard) {
  for (std::uint32_t at = 0; at < interests.size(); ++at) {
    if (interests[at].shard != shard) continue;
    if (--interests[at].subscriptions == 0) interests.swap_remove(at);
    return;
  }
  CRIER_ASSERT(false);  // home counts per subscription (design rule 1)
}

Home::Home(const config::Config& config, const HomeLimits& limits, DeliveryLanes& lanes,
           runtime::ThreadMetrics& metrics)
    : config_(config),
      limits_(limits),
      lanes_(lanes),
      metrics_(metrics),
      budget_(limits.history_bytes_max),
      keys_(limits.idempotency_keys_max),
      forgotten_(forgotten_floors) {}

Home::~Home() = default;

void Home::attach(engine::Engine& engine) {
  CRIER_ASSERT(engine_ == nullptr);
  engine_ = &engine;
  fanned_out_ = engine.start();
  // Of what the engine kept from before, this home knows nothing by itself: it has to ask.
  if (engine.recovers()) std::fill(forgotten_.begin(), forgotten_.end(), fanned_out_);
}

void Home::handle(ShardId from, Request& request, std::int64_t now_ms) {
  now_ms_ = now_ms;
  if (auto* const publish_request = std::get_if<PublishRequest>(&request)) return publish(from, *publish_request);
  std::visit(Overloaded{
                 [&](SubscribeRequest& subscribe_request) { subscribe(from, subscribe_request); },
                 [&](const UnsubscribeRequest& unsubscribe_request) { unsubscribe(from, unsubscribe_request); },
                 [&](FetchRequest& fetch_request) { fetch(from, fetch_request); },
                 [&](HistoryRequest& history_request) { history(from, history_request); },
                 [&](PresenceRequest& presence_request) { presence(from, presence_request); },
                 [&](PatternRequest& pattern_request) { add_pattern(from, pattern_request); },
                 [&](const PatternRemoval& removal) { remove_pattern(from, removal); },
                 [&](ListRequest& list_request) { list(from, list_request); },
             },
             *std::get<std::unique_ptr<ControlRequest>>(request));
}

void Home::send(ShardId to, Answer answer) {
  lanes_.send_answer(to, std::make_unique<Answer>(std::move(answer)));
}

// --- channels

const config::Namespace& Home::settings_of(std::string_view name) const {
  return config_.settings_of(command::namespace_of(name));
}

HomeChannel* Home::find_or_add(std::string_view name, std::size_t hash) {
  if (HomeChannel* const channel = find(name, hash)) return channel;
  if (!is_internal(name)) {
    if (full() && !no_room_) {
      sweep(/*make_room=*/true);
      no_room_ = full();  // until the next tick, or every refusal would cost a sweep
    }
    if (full()) return nullptr;
  }
  HomeChannel& channel = add(name, hash);
  channel.begin_idle(now_s());
  return &channel;
}

// Nothing of it is on its way, so whatever comes lies above all that the engine has given so far.
HomeChannel& Home::add(std::string_view name, std::size_t hash) {
  if (is_internal(name)) ++internal_channels_;
  return channels_.insert(HomeChannel::make(name, hash, settings_of(name), fanned_out_));
}

// The probe's channel is none of the operator's; without it the broker would never be ready.
bool Home::full() const {
  return channels_.size() - internal_channels_ >= limits_.channels_max;
}

Error Home::too_many_channels() {
  return {ErrorCode::limit_exceeded, "channel", "the broker has as many channels as limits.channels_max allows"};
}

// A channel exists while it has subscribers, history, keys, publishes on their way or some that count for its rate.
// Where there is a history it stays for as long as that may be, though nothing was published: whoever comes back soon
// is told that it has missed nothing.
void Home::forget_if_done(HomeChannel& channel, bool make_room) {
  if (!channel.interests.empty()) return;
  const ChannelRecord* const record = channel.record.get();
  if (record != nullptr && (!record->empty() || record->pending > 0 || record->keys > 0)) return;
  if (record != nullptr && channel.settings->rate > 0 && !record->pace.full(now_ms_)) return;
  if (channel.settings->history.messages > 0 && !is_internal(channel.name()) && !make_room) {
    const std::int64_t idle_ms = (std::int64_t{now_s()} - channel.idle_since_s()) * 1000;
    if (idle_ms <= channel.settings->history.age.count()) return;
  }
  if (record != nullptr) {
    // What comes after has no record of it: it knows that much (design rule 7).
    std::uint64_t& floor = forgotten_floor(channel.hash());
    floor = std::max(floor, record->number > 0 ? channel.top : record->floor());
  }
  CRIER_ASSERT(channel.members.empty() && channel.watchers() == 0);
  if (channel.count_due) std::erase(counts_due_, &channel);
  if (is_internal(channel.name())) --internal_channels_;
  channels_.erase(channel);
}

// --- subscriptions

void Home::refuse_subscribe(ShardId from, SubscribeRequest& request, Error why) {
  send(from, SubscribeAnswer{.session = request.session,
                             .serial = request.serial,
                             .channel_hash = request.channel_hash,
                             .channel = std::move(request.channel),
                             .id = request.member.session,
                             .watch = request.watch,
                             .start = std::move(why)});
}

void Home::subscribe(ShardId from, SubscribeRequest& request) {
  HomeChannel* const channel = find_or_add(request.channel, request.channel_hash);
  if (channel == nullptr) return refuse_subscribe(from, request, too_many_channels());
  if (channel->interests.empty()) {
    channel->end_idle();
    if (!is_internal(channel->name())) metrics_.channels.add(1);
  }
  add_interest(channel->interests, from);
  if (!request.since) return answer_subscribe(from, request, *channel, std::nullopt);
  // What has grown too old is gone, whether or not anybody has looked since.
  if (channel->record) {
    channel->record->expire(now_ms_, {channel->settings->history.messages, channel->settings->history.age.count()});
  }
  const command::Position& since = *request.since;
  const bool known =
      channel->settings->history.messages > 0 && since.epoch == engine_->epoch() && since.offset <= channel->top;
  if (known && since.offset < floor_of(*channel) && engine_->recovers()) {
    const std::uint64_t after = since.offset;
    return recover(from, std::move(request), *channel, after, list_bytes_max);
  }
  answer_subscribe(from, request, *channel, known && since.offset >= floor_of(*channel));
}

// The subscription counts from here on; what is published after this is behind the answer (I2). `more`: what
// an engine has that the home's own history has not.
void Home::answer_subscribe(ShardId from, SubscribeRequest& request, HomeChannel& channel,
                            std::optional<bool> recovered, const engine::Recovered* more) {
  SubscribeAnswer::Start start;
  start.recovered = recovered;
  start.after = channel.top;
  if (recovered.value_or(false)) start.after = request.since->offset;
  if (ChannelRecord* const record = channel.record.get()) {
    record->expire(now_ms_, {channel.settings->history.messages, channel.settings->history.age.count()});
    record->touch();
    const bool from_last = !recovered.value_or(false) && request.last && !record->empty();
    if (from_last) start.after = record->before_last(*request.last, now_ms_);
    start.replayed = record->count_after(start.after, now_ms_);
    // Below the floor, where an engine reaches, numbers are not known.
    if (start.after >= record->floor()) start.number = number_at(channel, start.after);
  }
  start.at_top = start.after == channel.top;
  if (recovered.value_or(false) && more != nullptr) start.replayed.reset();  // as far as it is known
  start.position = position_of(*channel.settings, start.after);
  if (recovered) (*recovered ? metrics_.recovered : metrics_.not_recovered).add();
  if (channel.settings->presence && !is_internal(channel.name())) {
    request.member.serial = request.serial;
    join(channel, request.member);
    if (request.watch) {
      channel.add_watcher();
      start.members = page_of(channel, nullptr);
    }
  }
  send(from, SubscribeAnswer{.session = request.session,
                             .serial = request.serial,
                             .channel_hash = request.channel_hash,
                             .channel = std::move(request.channel),
                             .id = request.member.session,
                             .watch = request.watch,
                             .start = std::move(start)});
}

void Home::unsubscribe(ShardId from, const UnsubscribeRequest& request) {
  HomeChannel* const channel = find(request.channel, request.channel_hash);
  CRIER_ASSERT(channel != nullptr);
  const bool presence = channel->settings->presence && !is_internal(channel->name());
  // The settings may have changed since: who watched then need not be counted now.
  if (presence && request.watch && channel->watchers() > 0) channel->remove_watcher();
  remove_interest(channel->interests, from);
  if (presence) leave(*channel, request.session, request.serial);
  if (channel->interests.empty()) {
    channel->begin_idle(now_s());
    if (!is_internal(channel->name())) metrics_.channels.add(-1);
  }
  forget_if_done(*channel);
}

// --- patterns

void Home::add_pattern(ShardId from, PatternRequest& request) {
  HomePattern* pattern = patterns_.find(request.pattern);
  PatternAnswer answer{request.session, request.serial, request.pattern, std::nullopt};
  if (pattern == nullptr && patterns_.size() >= limits_.channels_max) {
    answer.refused =
        Error{ErrorCode::limit_exceeded, "channel", "the broker has as many patterns as limits.channels_max allows"};
    return send(from, std::move(answer));
  }
  if (pattern == nullptr) pattern = &patterns_.insert(std::make_unique<HomePattern>(request.pattern));
  add_interest(pattern->interests, from);
  send(from, std::move(answer));
}

void Home::remove_pattern(ShardId from, const PatternRemoval& removal) {
  HomePattern* const pattern = patterns_.find(removal.pattern);
  CRIER_ASSERT(pattern != nullptr);
  remove_interest(pattern->interests, from);
  if (pattern->interests.empty()) patterns_.erase(*pattern);
}

void Home::end_turn() {
  for (HomeChannel* const channel : counts_due_) {
    channel->count_due = false;
    if (!channel->counting) continue;  // it has fallen below the limit, and the members were told
    for (const Interest& interest : channel->interests) {
      PresenceEvent event;
      event.kind = PresenceEvent::Kind::count;
      event.channel_hash = channel->hash();
      event.channel = channel->name();
      event.page.count = channel->members.size();
      send(interest.shard, std::move(event));
    }
  }
  counts_due_.clear();
}

}  // namespace crier::hub
