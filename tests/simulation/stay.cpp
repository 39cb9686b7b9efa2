#include "tests/simulation/stay.hpp"

#include <algorithm>
#include <utility>

namespace crier::simulation {

using nlohmann::json;

namespace {

std::optional<command::Position> position_in(const json& push) {
  if (!push.contains("position")) return std::nullopt;
  auto parsed = command::Position::parse(push.at("position").get_ref<const std::string&>());
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

std::vector<std::string_view> tokens_of(std::string_view rest) {
  std::vector<std::string_view> tokens;
  while (true) {
    const std::size_t end = rest.find('.');
    tokens.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) return tokens;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace

bool naive_match(std::string_view pattern, std::string_view channel) {
  const auto split = [](std::string_view name) {
    const std::size_t colon = name.find(':');
    return colon == std::string_view::npos ? std::pair(std::string_view{}, name)
                                           : std::pair(name.substr(0, colon), name.substr(colon + 1));
  };
  const auto [pattern_space, pattern_rest] = split(pattern);
  const auto [channel_space, channel_rest] = split(channel);
  if (pattern_space != channel_space) return false;
  const auto wanted = tokens_of(pattern_rest);
  const auto found = tokens_of(channel_rest);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (i >= found.size()) return false;
    if (wanted[i] == ">") return true;
    if (wanted[i] != "*" && wanted[i] != found[i]) return false;
  }
  return wanted.size() == found.size();
}

Stay::Stay(Model& model, std::size_t client, hub::SessionId session, bool healthy, Asked asked)
    : model_(model),
      client_(client),
      session_(session),
      healthy_(healthy),
      asked_(std::move(asked)),
      pattern_(command::looks_like_pattern(asked_.name)),
      epoch_when_asked_(model.truth.epoch()) {
  for (const auto& [name, channel] : model_.truth.channels()) {
    if (pattern_ ? naive_match(asked_.name, name) : name == asked_.name) {
      accepted_when_asked_[name] = channel.order.size();
    }
  }
}

void Stay::violate(const std::string& channel, const std::string& what) const {
  model_.story.violate(client_, channel, "client " + std::to_string(client_) + ", " + asked_.name + ": " + what);
}

bool Model::surely_kept(const ChannelTruth& channel, std::size_t place) const {
  if (!durable) return surely_at_home(channel, place);
  return place >= channel.lost_to && channel.order[place].offset > channel.engine_floor;
}

bool Model::surely_at_home(const ChannelTruth& channel, std::size_t place) const {
  if (place < channel.lost_to || channel.evicted) return false;
  const config::History& history = channel.settings->history;
  return channel.order.size() - place <= history.messages &&
         now_ms() - channel.order[place].time_ms <= history.age.count();
}

bool Stay::epoch_since_asked(std::string_view epoch) const {
  for (std::uint32_t at = epoch_when_asked_; at <= model_.truth.epoch(); ++at) {
    if (model_.truth.epoch_name(at) == epoch) return true;
  }
  return false;
}

// --- the start

void Stay::on_subscribed(const json& reply) {
  if (subscribed_) return violate(asked_.name, "was subscribed twice");
  subscribed_ = true;
  if (!pattern_) return start_exact(reply);
  if (reply.contains("position") || reply.contains("recovered")) violate(asked_.name, "a pattern has a position");
  for (const auto& [name, accepted] : accepted_when_asked_) {
    progress_[name] = {accepted, model_.truth.channel(name).order.size()};
  }
}

void Stay::start_exact(const json& reply) {
  const ChannelTruth& channel = model_.truth.channel(asked_.name);
  const std::size_t asked_at = accepted_when_asked_.at(asked_.name);
  position_ = position_in(reply);
  check_recovery(reply, channel);
  if (asked_.watch) {
    if (const std::string fault = presence_.on_members(reply); !fault.empty()) violate(asked_.name, fault);
  }
  if (position_.has_value() != (channel.settings->history.messages > 0)) {
    return violate(asked_.name, "a position belongs to channels with history, and to all of them");
  }
  if (!position_) {
    progress_[asked_.name] = {asked_at, channel.order.size()};
    return;
  }
  const std::size_t first = channel.count_to(position_->offset);
  progress_[asked_.name] = {first, first};
  if (!epoch_since_asked(position_->epoch)) violate(asked_.name, "the start's epoch is not the present one");
  const bool recovered = reply.value("recovered", false);
  if (!recovered && !asked_.last && first < asked_at) {
    violate(asked_.name, "the stream starts before what was there when it was asked for");
  }
  if (!recovered && asked_.last) check_last(channel, first, reply);
  check_replayed(channel, first, reply);
}

void Stay::check_recovery(const json& reply, const ChannelTruth& channel) {
  if (reply.contains("recovered") != asked_.since.has_value()) {
    return violate(asked_.name, "`recovered` belongs to replies to `since`, and to all of them");
  }
  if (!asked_.since) return;
  const command::Position& since = *asked_.since;
  model_.seen.note(reply.at("recovered").get<bool>() ? Sight::recovered : Sight::unrecovered);
  if (!reply.at("recovered").get<bool>()) {
    if (!may_be_unrecovered(channel)) violate(asked_.name, "was not recovered since " + since.text());
    return;
  }
  if (position_ != since) return violate(asked_.name, "was recovered, but does not start at `since`");
  if (!epoch_since_asked(since.epoch)) return violate(asked_.name, "was recovered from another epoch");
  if (!channel.order.empty() && since.offset > channel.order.back().offset + 1'000'000) {
    violate(asked_.name, "was recovered from the future");
  }
}

bool Stay::may_be_unrecovered(const ChannelTruth& channel) const {
  const command::Position& since = *asked_.since;
  if (channel.settings->history.messages == 0) return true;
  if (epoch_when_asked_ != model_.truth.epoch() || model_.truth.epoch_name(epoch_when_asked_) != since.epoch)
    return true;
  const std::size_t asked_at = accepted_when_asked_.at(asked_.name);
  // In the future; or a position that no message of this channel has, which only the home can judge.
  if (asked_at == 0 || since.offset > channel.order[asked_at - 1].offset) return true;
  const bool recorded = channel.recorded_to > 0 && model_.surely_kept(channel, channel.recorded_to - 1);
  if ((since.offset < channel.floor_of_others && !recorded) || channel.shares_floor) return true;
  if (model_.durable && since.offset < channel.engine_floor) return true;
  for (std::size_t place = channel.count_to(since.offset); place < channel.order.size(); ++place) {
    if (!model_.surely_kept(channel, place)) return true;
  }
  return false;
}

// The newest so many, or as many as are left.
void Stay::check_last(const ChannelTruth& channel, std::size_t first, const json& reply) {
  const std::size_t asked_at = accepted_when_asked_.at(asked_.name);
  const std::size_t replayed = reply.value("replayed", std::size_t{0});
  if (replayed > *asked_.last) return violate(asked_.name, "more was replayed than `last` wanted");
  if (replayed == *asked_.last || model_.durable) return;
  for (std::size_t place = 0; place < std::min(first, asked_at); ++place) {
    if (!model_.surely_kept(channel, place) || model_.expired(channel.order[place])) continue;
    return violate(asked_.name, "`last` left out publish " + std::to_string(channel.order[place].id));
  }
}

void Stay::check_replayed(const ChannelTruth& channel, std::size_t first, const json& reply) {
  if (!reply.contains("replayed")) {
    if (!model_.durable) violate(asked_.name, "`replayed` is missing");
    return;
  }
  const auto replayed = reply.at("replayed").get<std::size_t>();
  model_.seen.note(Sight::replayed, replayed);
  const std::size_t asked_at = accepted_when_asked_.at(asked_.name);
  std::size_t least = 0;
  for (std::size_t place = first; place < asked_at; ++place) least += model_.expired(channel.order[place]) ? 0 : 1;
  const std::size_t most = channel.order.size() - first;
  const bool nothing = !reply.value("recovered", false) && !asked_.last;
  if (replayed > most || (replayed < least && !nothing) || (nothing && replayed != 0)) {
    violate(asked_.name, "`replayed` is " + std::to_string(replayed) + ", between " + std::to_string(least) + " and " +
                             std::to_string(most) + " would be right");
  }
}

// --- the stream

Stay::Hole Stay::hole(const ChannelTruth& channel, const Progress& progress, std::size_t to) const {
  Hole hole;
  for (std::size_t place = progress.low; place < to; ++place) {
    const Accepted& message = channel.order[place];
    // A replay does not know of what was taken out of the history before it came there.
    const bool excluded = model_.truth.said(message.id).excludes(session_);
    if (!excluded || may_replay() || model_.durable) ++hole.all;
    if (excluded) {
      model_.seen.note(Sight::excluded);
      continue;
    }
    if (place >= progress.high && !model_.expired(message)) ++hole.needed;
  }
  return hole;
}

void Stay::on_message(const json& push) {
  const std::string& name = push.at("channel").get_ref<const std::string&>();
  const auto found = progress_.find(name);
  if (found == progress_.end()) return violate(asked_.name, "got a message of " + name);
  model_.seen.note(pattern_ ? Sight::pattern_message : Sight::message);
  const ChannelTruth& channel = model_.truth.channel(name);
  const std::optional<PublishId> id = model_.truth.id_in(push);
  if (!id) return violate(name, "got data that nobody published");
  const std::string what = "publish " + std::to_string(*id);
  const auto place_found = channel.places.find(*id);
  if (place_found == channel.places.end()) return violate(name, "got " + what + ", which is not in the channel");
  const std::size_t place = place_found->second;
  const Accepted& message = channel.order[place];
  const Publish& publish = model_.truth.said(*id);
  if (!publish.looks_like(push)) return violate(name, what + " has other data");
  if (push.at("time").get<std::int64_t>() != message.time_ms) return violate(name, what + " has another time");
  // An engine does not keep whom a message excludes: what comes back from it may be one's own.
  if (publish.excludes(session_) && !model_.durable) return violate(name, "got " + what + ", which excludes it");
  const std::optional<command::Position> position = position_in(push);
  if (position.has_value() != (channel.settings->history.messages > 0)) {
    return violate(name, what + " should have a position exactly where there is history");
  }
  if (position && (position->offset != message.offset || position->epoch != model_.truth.epoch_name(message.epoch))) {
    return violate(
        name, what + " has the position " + position->text() + " and should be at " + std::to_string(message.offset));
  }
  // Who is surely live is told that the epoch has changed, at its place.
  const bool told = pattern_ || !position || position->epoch == position_->epoch || gap_.new_epoch;
  if (!told && healthy_ && !asked_.since && !asked_.last)
    return violate(name, "the epoch changed without a word before " + what);
  Progress& progress = found->second;
  if (place < progress.low) return violate(name, what + " came twice, or after a later one");
  const Hole passed = hole(channel, progress, place);
  if (pattern_) {
    seen_.all += passed.all;
    seen_.needed += passed.needed;
    if (seen_.needed > gap_.lost && !gap_.unknown) violate(name, "messages are missing before " + what);
  } else {
    check_gaps_of(channel, passed, progress, place);
    gap_ = {};
  }
  progress = {place + 1, place + 1};
  if (position && !pattern_) position_ = position;
}

void Stay::on_gap(const json& push) {
  const std::optional<command::Position> position = position_in(push);
  const bool conflated = push.at("conflated").get<bool>();
  ++gap_.count;
  model_.seen.note(position ? Sight::gap_epoch : Sight::gap);
  if (conflated) model_.seen.note(Sight::gap_conflated);
  if (!position && !push.contains("lost")) model_.seen.note(Sight::gap_unknown);
  if (!conflated) gap_.dropped = true;
  if (push.contains("lost")) {
    const auto lost = push.at("lost").get<std::uint64_t>();
    if (lost == 0) violate(asked_.name, "a gap of nothing");
    gap_.lost += lost;
  } else {
    gap_.unknown = true;
  }
  if (position) {
    gap_.new_epoch = true;
    if (pattern_ || !position_) return violate(asked_.name, "a gap with a position where there is none");
    if (position->offset < position_->offset) violate(asked_.name, "positions went back");
    position_ = position;
    return;
  }
  if (healthy_ && !may_replay()) violate(asked_.name, "a gap, although it reads everything at once");
  if (!push.contains("lost") && !may_replay() && !model_.durable && !excluded_somewhere()) {
    violate(asked_.name, "a gap whose size must be known");
  }
}

// Then nobody can say how many of those that were lost were meant for this client.
bool Stay::excluded_somewhere() const {
  return std::any_of(progress_.begin(), progress_.end(), [&](const auto& one) {
    const std::vector<Accepted>& order = model_.truth.channel(one.first).order;
    return std::any_of(order.begin(), order.end(),
                       [&](const Accepted& message) { return model_.truth.said(message.id).excludes(session_); });
  });
}

void Stay::check_gaps_of(const ChannelTruth& channel, const Hole& hole, const Progress& progress, std::size_t to) {
  const std::size_t from = progress.low;
  const auto places = [&] { return " between the places " + std::to_string(from) + " and " + std::to_string(to); };
  if (hole.needed > 0 && gap_.count == 0) {
    return violate(channel.name, std::to_string(hole.needed) + " messages were skipped without a gap" + places());
  }
  if (gap_.unknown) {
    // An engine's floor may lie above what it has lost of this channel.
    if (!gap_.new_epoch && !model_.durable && to == from)
      violate(channel.name, "a gap where nothing is missing" + places());
    return;
  }
  if (gap_.lost < hole.needed || gap_.lost > hole.all) {
    return violate(channel.name, "a gap says that " + std::to_string(gap_.lost) + " were lost, but " +
                                     std::to_string(hole.needed) + " to " + std::to_string(hole.all) + " were" +
                                     places());
  }
  if (gap_.count > 0 && !gap_.dropped && from == progress.high) check_conflated(channel, from, to);
}

// Whatever was conflated away has a newer one that stands for it.
void Stay::check_conflated(const ChannelTruth& channel, std::size_t from, std::size_t to) {
  if (channel.settings->overflow != config::Overflow::conflate) {
    return violate(channel.name, "a gap was conflated, although the namespace does not do that");
  }
  for (std::size_t place = from; place < to; ++place) {
    const Publish& publish = model_.truth.said(channel.order[place].id);
    if (publish.excludes(session_)) continue;  // it was taken, and not told
    const std::string& key = publish.conflate;
    const bool replaced =
        std::any_of(channel.order.begin() + static_cast<std::ptrdiff_t>(place) + 1, channel.order.end(),
                    [&](const Accepted& later) { return model_.truth.said(later.id).conflate == key; });
    if (replaced) continue;
    return violate(channel.name, "publish " + std::to_string(channel.order[place].id) +
                                     " was conflated away, but nothing newer has its key");
  }
}

void Stay::at_rest() {
  if (!subscribed_) return violate(asked_.name, "a subscribe was never answered");
  model_.seen.note(Sight::stay_at_rest);
  Hole total = seen_;
  for (auto& [name, progress] : progress_) {
    const ChannelTruth& channel = model_.truth.channel(name);
    const Hole left = hole(channel, progress, channel.order.size());
    if (!pattern_) check_gaps_of(channel, left, progress, channel.order.size());
    total.all += left.all;
    total.needed += left.needed;
    progress = {channel.order.size(), channel.order.size()};
  }
  if (pattern_ && !gap_.unknown && (gap_.lost < total.needed || gap_.lost > total.all)) {
    violate(asked_.name, "gaps told of " + std::to_string(gap_.lost) + " lost messages, but " +
                             std::to_string(total.needed) + " to " + std::to_string(total.all) + " are missing");
  }
  if (position_ && healthy_ && !asked_.since && !asked_.last &&
      position_->epoch != model_.truth.epoch_name(model_.truth.epoch())) {
    violate(asked_.name, "the epoch changed without a word");
  }
  gap_ = {};
  seen_ = {};
  settled_ = true;
}

}  // namespace crier::simulation
