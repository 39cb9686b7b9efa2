// What a home does as time passes, and what it leaves for its next life.
#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "broker/hub/home.hpp"
#include "protocol/base/check.hpp"

namespace crier::hub {

namespace {

// Channels that are looked at in one tick, at least, and the ticks in which all of them are: what has grown
// old is never given out, this is about its memory alone.
constexpr std::size_t swept_min = 256;
constexpr std::size_t ticks_for_all = 30;
constexpr std::size_t keys_expired_per_tick = 20'000;

}  // namespace

void Home::tick(std::int64_t now_ms) {
  now_ms_ = now_ms;
  time_out_publishes();
  retry_recoveries();
  keys_.expire(now_ms_, keys_expired_per_tick, [&](std::string_view name, std::size_t hash) {
    HomeChannel* const channel = find(name, hash);
    CRIER_ASSERT(channel != nullptr && channel->record && channel->record->keys > 0);
    --channel->record->keys;
    forget_if_done(*channel);
  });
  sweep(/*make_room=*/false);
  no_room_ = false;
  metrics_.idempotency_keys.set(static_cast<std::int64_t>(keys_.size()));
  metrics_.history_bytes.set(static_cast<std::int64_t>(budget_.bytes()));
  metrics_.engine_ready.set(engine_->ready() ? 1 : 0);
}

// Looks at some channels, and forgets those that nothing is left of. `make_room`: also those that only wait for
// somebody to come back.
void Home::sweep(bool make_room) {
  const std::size_t slots = std::max(swept_min, channels_.slot_count() / ticks_for_all);
  std::vector<HomeChannel*> idle;
  sweep_at_ = channels_.visit_some(sweep_at_, slots, [&](HomeChannel& channel) {
    if (channel.record) {
      channel.record->expire(now_ms_, {channel.settings->history.messages, channel.settings->history.age.count()});
    }
    if (channel.interests.empty() && (!channel.record || channel.record->empty())) idle.push_back(&channel);
  });
  for (HomeChannel* const channel : idle) forget_if_done(*channel, make_room);
}

void Home::reconfigure(const HomeLimits& limits) {
  limits_ = limits;
  budget_.set_bytes_max(limits.history_bytes_max);
  keys_.set_keys_max(limits.idempotency_keys_max);
  channels_.for_each([&](HomeChannel& channel) {
    channel.settings = &settings_of(channel.name());
    if (channel.record) {
      channel.record->expire(now_ms_, {channel.settings->history.messages, channel.settings->history.age.count()});
    }
    if (channel.settings->presence || channel.members.empty()) return;
    metrics_.members.add(-static_cast<std::int64_t>(channel.members.size()));
    channel.members.clear();
    channel.forget_watchers();
    channel.counting = false;
  });
  while (budget_.over()) budget_.oldest()->drop_oldest();
}

// --- the state file

void Home::save(const std::function<void(const state::SavedChannel&)>& visit) const {
  CRIER_ASSERT(pending_.empty());
  // The next life begins with what the wall clock says then.
  const auto on_the_wall = [this](std::int64_t time_ms) {
    return time_ms == 0 ? 0 : std::max<std::int64_t>(1, time_ms + stepped_ms_);
  };
  std::map<std::string, std::vector<state::SavedKey>, std::less<>> keys;
  keys_.for_each_done([&](const IdempotencyKey& key, std::uint64_t offset, std::int64_t expires_ms) {
    keys[std::string(key.channel)].push_back(
        {std::string(key.scope), std::string(key.key), offset, on_the_wall(expires_ms)});
  });
  channels_.for_each([&](const HomeChannel& channel) {
    if (channel.name().starts_with(internal_channel_prefix)) return;
    if (!channel.record && channel.settings->history.messages == 0) return;
    state::SavedChannel saved;
    saved.name = channel.name();
    saved.floor = floor_of(channel);
    saved.top = channel.top;
    if (!channel.record) return visit(saved);  // nothing was published: that is worth knowing too
    const ChannelRecord& record = *channel.record;
    saved.top_number = record.number;
    std::vector<MessagePtr> messages;
    const bool all = record.slice_after(0, std::numeric_limits<std::size_t>::max(),
                                        std::numeric_limits<std::size_t>::max(), now_ms_, messages);
    CRIER_ASSERT(all);
    for (const MessagePtr& message : messages) {
      saved.messages.push_back({message->offset(), message->number(), on_the_wall(message->time_ms()),
                                on_the_wall(message->expires_ms()), message->encoding(), message->compressible(),
                                std::string(message->conflate_key()), std::string(message->data_json())});
    }
    if (const auto found = keys.find(channel.name()); found != keys.end()) saved.keys = std::move(found->second);
    visit(saved);
  });
}

std::uint64_t Home::saved_floor() const {
  return *std::max_element(forgotten_.begin(), forgotten_.end());
}

void Home::restore_floor(std::uint64_t floor) {
  std::fill(forgotten_.begin(), forgotten_.end(), floor);
}

void Home::restore(const state::SavedChannel& saved, std::int64_t now_ms) {
  now_ms_ = now_ms;
  const std::size_t hash = hash_of(saved.name);
  HomeChannel* const channel = find_or_add(saved.name, hash);
  std::uint64_t& floor = forgotten_floor(hash);
  if (channel == nullptr) {
    floor = std::max(floor, saved.top);  // a smaller limit than before
    return;
  }
  channel->top = saved.top;
  if (saved.top_number == 0 && saved.messages.empty() && saved.keys.empty()) return;
  channel->record = std::make_unique<ChannelRecord>(*channel, budget_, saved.floor);
  ChannelRecord& record = *channel->record;
  for (const state::SavedMessage& message : saved.messages) {
    MessageOptions options;
    options.encoding = message.encoding;
    options.compressible = message.compressible;
    options.conflate_key = message.conflate_key;
    if (message.expires_ms != 0) {
      options.ttl_s = static_cast<std::uint64_t>((message.expires_ms - message.time_ms) / 1000);
    }
    remember(*channel, MessageDraft(saved.name, hash, message.data_json, options)
                           .seal({engine_->epoch(), message.offset, message.number, message.time_ms}));
  }
  record.number = saved.top_number;
  for (const state::SavedKey& key : saved.keys) {
    if (keys_.restore({saved.name, hash, key.scope, key.key}, key.offset, key.expires_ms)) ++record.keys;
  }
  record.expire(now_ms_, {channel->settings->history.messages, channel->settings->history.age.count()});
  if (channel->settings->history.messages == 0) record.clear_to(saved.top);
  forget_if_done(*channel);
}

}  // namespace crier::hub
