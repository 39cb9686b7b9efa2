// What a client hears: every reply belongs to a command, once; every push to a subscription.
#include <algorithm>
#include <string>
#include <utility>

#include "protocol/command/stream_position.hpp"
#include "protocol/websocket/close_code.hpp"
#include "tests/simulation/client.hpp"

namespace crier::simulation {

using nlohmann::json;

namespace {

ErrorCode code_of(const json& error) {
  const std::string& text = error.at("code").get_ref<const std::string&>();
  for (std::size_t i = 0; i < error_code_count; ++i) {
    if (to_string(static_cast<ErrorCode>(i)) == text) return static_cast<ErrorCode>(i);
  }
  return ErrorCode::internal;
}

}  // namespace

void Client::violate(std::string_view channel, const std::string& what) {
  model_.story.violate(number_, channel, "client " + std::to_string(number_) + ": " + what);
}

void Client::hear(const Heard& heard) {
  if (told_to_go_) return violate("", "something came behind the close frame");
  if (heard.code) {
    told_to_go_ = true;
    if (plan().healthy) violate("", "was told to go, although it reads everything at once");
    if (*heard.code != static_cast<std::uint16_t>(websocket::CloseCode::slow_consumer)) {
      violate("", "was closed with " + std::to_string(*heard.code));
    }
    return;
  }
  const json& push = heard.push;
  const std::string channel = push.value("channel", "");
  model_.story.tell(number_, channel, [&] {
    std::string line = "client " + std::to_string(number_) + " hears ";
    line += push.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 300);
    return line;
  });
  const std::string& op = push.at("op").get_ref<const std::string&>();
  if (op == "message" || op == "gap") {
    Stay* const stay = stay_for(push);
    if (stay == nullptr) return violate(channel, "a " + op + " without a subscription");
    op == "message" ? stay->on_message(push) : stay->on_gap(push);
    return check_event_id(heard.event_id);
  }
  if (op == "subscribed") {
    hear_subscribed(push);
    return check_event_id(heard.event_id);
  }
  if (op == "unsubscribed") return hear_unsubscribed(push);
  if (op == "published") return hear_published(push);
  if (op == "error") return hear_error(push);
  if (op == "history") return hear_history(push);
  if (op == "presence") return hear_presence(push);
  if (op == "join" || op == "leave") return hear_join_or_leave(push, op == "join");
  if (op == "pong") {
    const std::optional<Awaited> awaited = take(push);
    if (awaited && awaited->kind != Kind::ping) violate("", "a pong to something else");
    return;
  }
  if (op != "welcome") return violate("", "an op that nobody knows: " + op);
  if (push.at("session").get<std::string>() != session_text_) violate("", "welcome under another name");
}

// The subscription that a push is for: by its pattern or its channel.
Stay* Client::stay_for(const json& push) {
  const char* const field = push.contains("pattern") ? "pattern" : "channel";
  const auto found = stays_.find(push.at(field).get_ref<const std::string&>());
  return found == stays_.end() ? nullptr : found->second.get();
}

// Exactly one reply a command.
std::optional<Client::Awaited> Client::take(const json& reply) {
  const auto found = reply.contains("id") ? awaited_.find(reply.at("id").dump()) : awaited_.end();
  if (found == awaited_.end()) {
    violate(reply.value("channel", ""), "a reply that no command waits for: " + reply.dump().substr(0, 200));
    return std::nullopt;
  }
  Awaited awaited = std::move(found->second);
  awaited_.erase(found);
  return awaited;
}

void Client::drop_hold(const std::string& name, std::uint64_t serial) {
  const auto held = held_.find(name);
  if (held != held_.end() && held->second == serial) held_.erase(held);
}

// --- subscriptions

void Client::hear_subscribed(const json& reply) {
  const std::string& name = reply.at("channel").get_ref<const std::string&>();
  std::optional<Awaited> awaited;
  if (!reply.contains("id")) {
    const auto found = awaited_by_name_.find(name);
    if (found == awaited_by_name_.end()) return violate(name, "was subscribed without having asked");
    awaited = std::move(found->second);
    awaited_by_name_.erase(found);
  } else {
    awaited = take(reply);
  }
  if (!awaited) return;
  if (awaited->kind != Kind::subscribe || awaited->channel != name) return violate(name, "a reply to something else");
  if (stays_.contains(name)) return violate(name, "was subscribed twice at a time");
  awaited->stay->on_subscribed(reply);
  stays_[name] = std::move(awaited->stay);
}

void Client::hear_unsubscribed(const json& reply) {
  if (!reply.contains("id")) return violate(reply.value("channel", ""), "a subscription was ended by the broker");
  const std::optional<Awaited> awaited = take(reply);
  if (!awaited) return;
  if (awaited->kind != Kind::unsubscribe || awaited->channel != reply.at("channel").get<std::string>()) {
    return violate(awaited->channel, "a reply to something else");
  }
  const auto stay = stays_.find(awaited->channel);
  if (stay == stays_.end()) return;  // it was still pending
  if (stay->second->position()) remembered_[awaited->channel] = *stay->second->position();
  stays_.erase(stay);
}

void Client::hear_error(const json& reply) {
  const ErrorCode code = code_of(reply);
  if (!reply.contains("id")) return hear_error_without_id(reply, code);
  const std::optional<Awaited> awaited = take(reply);
  if (!awaited) return;
  const std::string& channel = awaited->channel;
  const auto unexpected = [&] { violate(channel, "a command was refused: " + reply.dump().substr(0, 300)); };
  const config::Limits& limits = plan_.config.limits;
  switch (awaited->kind) {
    case Kind::subscribe: {
      const bool limited = limits.channels_max / plan_.shards < 100 || limits.channels_per_connection_max < 100;
      const bool ended = held_.find(channel) == held_.end() || held_[channel] != awaited->serial;
      drop_hold(channel, awaited->serial);
      if (code == ErrorCode::limit_exceeded && limited) return;
      if (code == ErrorCode::not_subscribed && ended) return;
      return unexpected();
    }
    case Kind::unsubscribe:
      if (code == ErrorCode::not_subscribed && !stays_.contains(channel)) return;
      return unexpected();
    case Kind::publish: return check_refused(awaited->publish, channel, code);
    case Kind::history:
      if (code == ErrorCode::unrecoverable_position && awaited->since) return;  // check_run judges the rest
      return unexpected();
    case Kind::broadcast:
    case Kind::presence:
    case Kind::ping: return unexpected();
  }
}

void Client::hear_error_without_id(const json& reply, ErrorCode code) {
  const std::string channel = reply.value("channel", "");
  const std::string command = reply.value("command", "");
  const auto pending = awaited_by_name_.find(channel);
  if (command == "subscribe" && pending != awaited_by_name_.end()) {
    drop_hold(channel, pending->second.serial);
    awaited_by_name_.erase(pending);
    if (code == ErrorCode::limit_exceeded || code == ErrorCode::not_subscribed) return;
  }
  const bool publish_fails = code == ErrorCode::unavailable || code == ErrorCode::timeout ||
                             code == ErrorCode::limit_exceeded || code == ErrorCode::too_large;
  if (command == "publish" && publish_fails) return;
  violate(channel, "an error out of nowhere: " + reply.dump().substr(0, 300));
}

// A stream's id says where all of its channels stand.
void Client::check_event_id(const std::string& id) {
  if (id.empty()) return;
  last_event_id_ = id;
  const auto positions =
      command::parse_stream_position(id, command::stream_mark(stream_channels_), stream_channels_.size());
  if (!positions) return violate("", "the id of an event is not one: " + id);
  for (std::size_t i = 0; i < stream_channels_.size(); ++i) {
    const auto stay = stays_.find(stream_channels_[i]);
    if (stay == stays_.end() || (*positions)[i] == stay->second->position()) continue;
    violate(stream_channels_[i], "the id of an event says that this channel stands at " +
                                     ((*positions)[i] ? (*positions)[i]->text() : std::string("no position")));
  }
}

// --- publishes

void Client::hear_published(const json& reply) {
  const std::optional<Awaited> awaited = take(reply);
  if (!awaited) return;
  if (awaited->kind == Kind::publish) {
    if (reply.at("channel").get<std::string>() != awaited->channel) violate(awaited->channel, "a reply to another");
    return check_published(*awaited, awaited->channel, reply);
  }
  if (awaited->kind != Kind::broadcast) return violate(awaited->channel, "a reply to something else");
  const json& results = reply.at("results");
  const std::vector<std::string>& channels = model_.truth.said(awaited->publish).channels;
  if (results.size() != channels.size()) return violate("", "a broadcast's reply does not have all its channels");
  for (std::size_t i = 0; i < channels.size(); ++i) {
    if (results[i].at("channel").get<std::string>() != channels[i]) violate(channels[i], "results in another order");
    if (results[i].contains("code")) {
      check_refused(awaited->publish, channels[i], code_of(results[i]));
    } else {
      check_published(*awaited, channels[i], results[i]);
    }
  }
}

// Promise 4: the engine has it, at that position; or an earlier one of the same key.
void Client::check_published(const Awaited& awaited, const std::string& channel, const json& result) {
  const Publish& publish = model_.truth.said(awaited.publish);
  const ChannelTruth& known = model_.truth.channel(channel);
  const std::string what = "publish " + std::to_string(awaited.publish);
  if (result.contains("position") != (known.settings->history.messages > 0)) {
    return violate(channel, what + " should be answered with a position exactly where there is history");
  }
  std::optional<command::Position> position;
  if (result.contains("position")) {
    auto parsed = command::Position::parse(result.at("position").get<std::string>());
    if (!parsed) return violate(channel, what + " was answered with no position at all");
    position = std::move(*parsed);
  }
  if (const auto place = known.places.find(awaited.publish); place != known.places.end()) {
    const Accepted& accepted = known.order[place->second];
    model_.seen.note(Sight::published);
    if (position && position->offset != accepted.offset) {
      violate(channel,
              what + " is at " + std::to_string(accepted.offset) + ", and was said to be at " + position->text());
    }
    return;
  }
  const std::vector<Truth::Keyed>* const keyed =
      publish.key.empty() ? nullptr : model_.truth.keyed(channel, publish.key);
  if (keyed == nullptr) return violate(channel, what + " was answered `published`, but nobody has it");
  model_.seen.note(Sight::duplicate);
  if (!position) return;
  const bool known_offset = std::any_of(keyed->begin(), keyed->end(),
                                        [&](const Truth::Keyed& one) { return one.offset == position->offset; });
  if (!known_offset) violate(channel, what + " was answered with a position that nothing of its key has");
}

void Client::check_refused(PublishId id, const std::string& channel, ErrorCode code) {
  const Publish& publish = model_.truth.said(id);
  const config::Limits& limits = plan_.config.limits;
  const bool late = plan_.engine != EngineType::memory;
  const bool few_channels = limits.channels_max / plan_.shards < 100;
  const bool allowed = (code == ErrorCode::unavailable && late) || (code == ErrorCode::timeout && late) ||
                       (code == ErrorCode::limit_exceeded && (!publish.key.empty() || few_channels)) ||
                       (code == ErrorCode::too_large &&
                        publish.data_json.size() > model_.truth.channel(channel).settings->message_bytes_max);
  if (!allowed)
    return violate(channel, "publish " + std::to_string(id) + " was refused as " + std::string(to_string(code)));
  model_.seen.note(code == ErrorCode::timeout ? Sight::timed_out : Sight::refused);
  model_.truth.refuse(id, channel, code);
}

// --- queries

void Client::hear_history(const json& reply) {
  const std::optional<Awaited> awaited = take(reply);
  if (!awaited) return;
  if (awaited->kind != Kind::history) return violate(awaited->channel, "a reply to something else");
  model_.seen.note(Sight::history_page);
  check_run(*awaited, reply);
}

// A run of the channel's messages: nothing missing within, nothing missing at the end where more is false, and
// nothing at the beginning that must still be there.
void Client::check_run(const Awaited& awaited, const json& reply) {
  const ChannelTruth& channel = model_.truth.channel(awaited.channel);
  std::vector<std::size_t> places;
  for (const json& message : reply.at("messages")) {
    const std::optional<PublishId> id = model_.truth.id_in(message);
    const auto place = id ? channel.places.find(*id) : channel.places.end();
    if (place == channel.places.end()) return violate(channel.name, "the history holds what is not in the channel");
    if (!model_.truth.said(*id).looks_like(message)) return violate(channel.name, "the history changed a message");
    places.push_back(place->second);
  }
  if (awaited.reverse) std::reverse(places.begin(), places.end());
  if (!std::is_sorted(places.begin(), places.end())) return violate(channel.name, "the history is out of order");
  if (awaited.limit && places.size() > *awaited.limit) return violate(channel.name, "the history is over its limit");
  const auto missing = [&](std::size_t from, std::size_t to) {
    for (std::size_t place = from; place < to; ++place) {
      if (model_.expired(channel.order[place]) || !model_.surely_at_home(channel, place)) continue;
      violate(channel.name, "the history left out publish " + std::to_string(channel.order[place].id));
      return;
    }
  };
  const bool more = reply.at("more").get<bool>();
  const std::size_t first = awaited.since ? channel.count_to(awaited.since->offset) : 0;
  if (places.empty()) {
    if (!more) missing(first, awaited.accepted);
    return;
  }
  if (places.front() < first) return violate(channel.name, "the history goes back beyond `since`");
  for (std::size_t i = 1; i < places.size(); ++i) missing(places[i - 1] + 1, places[i]);
  if (!awaited.reverse || !more) missing(first, places.front());
  if (awaited.reverse || !more) missing(places.back() + 1, awaited.accepted);
}

void Client::hear_presence(const json& reply) {
  const std::string channel = reply.at("channel").get<std::string>();
  if (!reply.contains("id")) {
    const auto stay = stays_.find(channel);
    if (stay == stays_.end() || !stay->second->watches()) return violate(channel, "members that nobody watches");
    model_.seen.note(reply.contains("members") ? Sight::members_anew : Sight::count);
    if (const std::string fault = stay->second->presence().on_presence(reply); !fault.empty()) violate(channel, fault);
    return;
  }
  const std::optional<Awaited> awaited = take(reply);
  if (!awaited) return;
  if (awaited->kind != Kind::presence) return violate(channel, "a reply to something else");
  std::set<std::string> members;
  for (const json& member : reply.at("members")) members.insert(member.at("session").get<std::string>());
  if (!reply.at("more").get<bool>() && reply.at("count").get<std::size_t>() != members.size()) {
    return violate(channel, "`count` is not the number of members");
  }
  // Unless somebody was ended meanwhile, by an answer of the same kind.
  if (!awaited->at_rest || awaited->slow_consumers != host_.slow_consumers()) return;
  if (members != host_.members_of(channel)) violate(channel, "the members are not who is there");
}

void Client::hear_join_or_leave(const json& push, bool join) {
  const std::string channel = push.at("channel").get<std::string>();
  const std::string session = push.at("member").at("session").get<std::string>();
  const auto stay = stays_.find(channel);
  if (stay == stays_.end() || !stay->second->watches())
    return violate(channel, "who came or went, which nobody watches");
  model_.seen.note(join ? Sight::join : Sight::leave);
  PresenceView& view = stay->second->presence();
  const std::string fault = join ? view.on_join(session, session_text_) : view.on_leave(session);
  if (!fault.empty()) violate(channel, fault);
}

// --- at rest

void Client::check_at_rest() {
  if (connection_ == nullptr) return;
  if (!awaited_.empty()) {
    const auto& [id, awaited] = *awaited_.begin();
    return violate(awaited.channel, "the command " + id + " was never answered");
  }
  if (!awaited_by_name_.empty()) return violate(awaited_by_name_.begin()->first, "a subscription was never answered");
  if (connection_->paused()) return violate("", "nothing is on its way, but its socket is still not read");
  if (reader_->in_the_middle()) return violate("", "half a frame is all that arrived");
  for (const auto& [name, stay] : stays_) {
    stay->at_rest();
    if (!stay->watches()) continue;
    if (const std::string fault = stay->presence().compare(host_.members_of(name)); !fault.empty())
      violate(name, fault);
  }
  remember_positions();
}

}  // namespace crier::simulation
