// What a home tells of the past: replays, catching up, the history command; and recovery from an engine that
// keeps more than the home does.
#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "broker/hub/home.hpp"
#include "protocol/base/check.hpp"

namespace crier::hub {

namespace {

MessagePtr message_of(const engine::StoredMessage& stored, const HomeChannel& channel, std::string_view epoch,
                      std::int64_t stepped_ms) {
  MessageOptions options;
  options.encoding = stored.encoding;
  options.compressible = channel.settings->compression;
  options.conflate_key = stored.conflate_key;
  return MessageDraft(channel.name(), channel.hash(), stored.data_json, options)
      .seal({epoch, stored.offset, /*number=*/0, stored.time_ms - stepped_ms, stepped_ms});
}

}  // namespace

// Positions at or above it can be continued from completely.
std::uint64_t Home::floor_of(const HomeChannel& channel) const {
  if (channel.record) return channel.record->floor();
  // Nothing has been published since the home met the channel, and what it was before is known to here.
  return std::min(channel.top, forgotten_[channel.hash() % forgotten_.size()]);
}

std::uint64_t& Home::forgotten_floor(std::size_t hash) {
  return forgotten_[hash % forgotten_.size()];
}

// The number of the newest message at or below `offset`, which lies at or above the floor.
std::uint64_t Home::number_at(const HomeChannel& channel, std::uint64_t offset) {
  const ChannelRecord& record = *channel.record;
  std::vector<MessagePtr> next;
  // Whether its ttl is over does not matter here: it has its number.
  const bool none_left = record.slice_after(offset, 0, 1, std::numeric_limits<std::int64_t>::min(), next);
  return next.empty() && none_left ? record.number : next.front()->number() - 1;
}

void Home::fetch(ShardId from, FetchRequest& request) {
  HomeChannel* const channel = find(request.channel, request.channel_hash);
  CRIER_ASSERT(channel != nullptr);  // the subscription that asks is counted
  if (request.after < floor_of(*channel) && engine_->recovers()) {
    const std::uint64_t after = request.after;
    const std::size_t bytes_max = request.bytes_max;
    return recover(from, std::move(request), *channel, after, bytes_max);
  }
  engine::Recovered nothing;
  nothing.floor = floor_of(*channel);
  nothing.complete = true;
  finish_fetch(from, request, *channel, nothing);
}

// The engine's part and the home's meet at what the home has fanned out (design rule 5): above that nothing
// is in the answer, because it will follow in the lane, and below it nothing may be missing unless it is lost.
void Home::finish_fetch(ShardId from, const FetchRequest& request, HomeChannel& channel, engine::Recovered& recovered) {
  FetchAnswer answer;
  answer.session = request.session;
  answer.serial = request.serial;
  answer.evicted = request.after < recovered.floor;
  std::uint64_t through = request.after;
  std::size_t bytes = 0;
  for (const engine::StoredMessage& stored : recovered.messages) {
    if (stored.offset > channel.top) {
      recovered.complete = true;  // the rest is not out yet
      break;
    }
    if (stored.offset <= through) continue;
    if (stored.expires_ms == 0 || stored.expires_ms > now_ms_ + stepped_ms_) {
      answer.messages.push_back(message_of(stored, channel, engine_->epoch(), stepped_ms_));
      bytes += answer.messages.back()->bytes();
    }
    through = stored.offset;
  }
  if (channel.record) {
    channel.record->expire(now_ms_, {channel.settings->history.messages, channel.settings->history.age.count()});
  }
  // An engine that keeps more says that nothing is missing before `through`. If the home's part begins later all the
  // same, its answer was older than what the home has fanned out and forgotten since, and it is asked again; unless
  // nothing was ever published here that the home could have forgotten.
  const bool vouched = engine_->recovers() && !answer.evicted;
  const bool nothing_forgotten = !channel.record || channel.record->number == 0;
  const bool joins_up = through >= floor_of(channel) || (through == request.after && (!vouched || nothing_forgotten));
  if (recovered.complete && joins_up) {
    if (channel.record) {
      answer.evicted = answer.evicted || (!vouched && through < channel.record->floor());
      channel.record->touch();
      const std::size_t left = request.bytes_max > bytes ? request.bytes_max - bytes : 0;
      answer.at_top =
          channel.record->slice_after(through, left, std::numeric_limits<std::size_t>::max(), now_ms_, answer.messages);
    } else {
      answer.at_top = true;
    }
  }
  answer.through = through;
  if (answer.at_top) {
    answer.through = channel.top;
    answer.through_number = channel.record ? channel.record->number : 0;
  } else if (!answer.messages.empty() && answer.messages.back()->offset() > through) {
    answer.through = answer.messages.back()->offset();
    answer.through_number = answer.messages.back()->number();
  }
  metrics_.fetches.add();
  send(from, std::move(answer));
}

// --- the history command

void Home::history(ShardId from, HistoryRequest& request) {
  Result<HistoryPage> page = page_of(request);
  send(from, HistoryAnswer{.session = request.session,
                           .tag = std::move(request.tag),
                           .channel = std::move(request.channel),
                           .reverse = request.reverse,
                           .page = std::move(page)});
}

Result<HistoryPage> Home::page_of(const HistoryRequest& request) {
  HomeChannel* const channel = find(request.channel, request.channel_hash);
  if (settings_of(request.channel).history.messages == 0) {
    if (!request.since) return HistoryPage{};
    return Error{ErrorCode::unrecoverable_position, "since", "since: the channel's namespace keeps no history"};
  }
  const std::uint64_t top = channel != nullptr ? channel->top : fanned_out_;
  HistoryPage page;
  page.top = command::Position{std::string(engine_->epoch()), top};
  ChannelRecord* const record = channel != nullptr ? channel->record.get() : nullptr;
  if (record != nullptr) {
    record->expire(now_ms_, {channel->settings->history.messages, channel->settings->history.age.count()});
    record->touch();
  }
  const std::uint64_t floor = channel != nullptr ? floor_of(*channel) : forgotten_floor(request.channel_hash);
  if (request.since) {
    const command::Position& since = *request.since;
    if (since.epoch != engine_->epoch() || since.offset > top || since.offset < floor) {
      return Error{ErrorCode::unrecoverable_position, "since",
                   since.epoch != engine_->epoch() ? "since: of another epoch, whose history is lost"
                   : since.offset > top            ? "since: lies in the future of this channel"
                                                   : "since: the history no longer reaches back that far"};
    }
  }
  if (request.before && request.before->epoch != engine_->epoch()) {
    return Error{ErrorCode::unrecoverable_position, "cursor", "cursor: of another epoch, whose history is lost"};
  }
  if (record == nullptr) return page;
  const std::size_t count_max = request.limit;
  const std::uint64_t after = request.since ? request.since->offset : 0;
  bool complete = false;
  if (request.reverse) {
    const std::uint64_t before = request.before ? request.before->offset : top + 1;
    complete = record->slice_before(before, list_bytes_max, count_max, now_ms_, page.messages);
    // Backwards a page ends at `since`, wherever the history goes on.
    while (!page.messages.empty() && page.messages.back()->offset() <= after) {
      page.messages.pop_back();
      complete = true;
    }
  } else {
    complete = record->slice_after(after, list_bytes_max, count_max, now_ms_, page.messages);
  }
  if (!complete && !page.messages.empty()) {
    page.next = command::Position{std::string(engine_->epoch()), page.messages.back()->offset()};
  }
  return page;
}

// --- an engine that keeps more

void Home::recover(ShardId from, std::variant<SubscribeRequest, FetchRequest> request, HomeChannel& channel,
                   std::uint64_t after, std::size_t bytes_max) {
  const engine::Ticket ticket = next_ticket_++;
  recoveries_.emplace(ticket, PendingRecovery{from, std::move(request), after, bytes_max, false});
  engine_->recover(ticket, channel.name(), after, bytes_max);
}

void Home::on_recovered(engine::Ticket ticket, Result<engine::Recovered> recovered) {
  const auto found = recoveries_.find(ticket);
  CRIER_ASSERT(found != recoveries_.end());
  PendingRecovery& pending = found->second;
  if (!recovered) {
    pending.failed = true;  // asked for again at the next tick: nobody waits for it but the subscription itself
    metrics_.engine_recovery_failures.add();
    return;
  }
  PendingRecovery done = std::move(pending);
  recoveries_.erase(found);
  if (auto* const request = std::get_if<SubscribeRequest>(&done.request)) {
    HomeChannel& channel = *find(request->channel, request->channel_hash);
    const bool reaches = request->since->epoch == engine_->epoch() && request->since->offset >= recovered->floor;
    return answer_subscribe(done.from, *request, channel, reaches, &*recovered);
  }
  const auto& request = std::get<FetchRequest>(done.request);
  HomeChannel* const channel = find(request.channel, request.channel_hash);
  if (channel == nullptr) return give_up_fetch(done.from, request);
  finish_fetch(done.from, request, *channel, *recovered);
}

// Nobody is left who wanted it, but the session still waits before it fetches for another subscription.
void Home::give_up_fetch(ShardId from, const FetchRequest& request) {
  FetchAnswer answer;
  answer.session = request.session;
  answer.serial = request.serial;
  answer.through = request.after;
  send(from, std::move(answer));
}

void Home::retry_recoveries() {
  std::vector<std::pair<engine::Ticket, PendingRecovery>> again;
  for (auto it = recoveries_.begin(); it != recoveries_.end();) {
    if (it->second.failed) {
      again.emplace_back(it->first, std::move(it->second));
      it = recoveries_.erase(it);
    } else {
      ++it;
    }
  }
  for (auto& [ticket, pending] : again) {
    const std::string name = std::visit([](const auto& request) { return request.channel; }, pending.request);
    const std::size_t hash = std::visit([](const auto& request) { return request.channel_hash; }, pending.request);
    HomeChannel* const channel = find(name, hash);
    if (channel == nullptr) {
      give_up_fetch(pending.from, std::get<FetchRequest>(pending.request));  // a subscribe keeps its channel
      continue;
    }
    recover(pending.from, std::move(pending.request), *channel, pending.after, pending.bytes_max);
  }
}

// Everything that is known of the past is void, and whoever is live is told so (design rule 14).
void Home::on_new_epoch(std::string epoch) {
  std::fill(forgotten_.begin(), forgotten_.end(), fanned_out_);
  channels_.for_each([&](HomeChannel& channel) {
    if (channel.record) channel.record->clear_to(channel.top);
    if (channel.settings->history.messages == 0) return;
    for (const Interest& interest : channel.interests) {
      send(interest.shard, EpochChange{channel.hash(), std::string(channel.name()), {epoch, channel.top}});
    }
  });
}

}  // namespace crier::hub
