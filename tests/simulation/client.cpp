#include "tests/simulation/client.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/check.hpp"
#include "protocol/command/stream_position.hpp"

namespace crier::simulation {

namespace {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  out += text;
  out += '"';
  return out;
}

// `{"op":…,"channel":…,"id":…` without its end.
std::string command_on(std::string_view op, std::string_view channel, std::string_view id) {
  std::string out = R"({"op":)";
  out += in_quotes(op);
  out += R"(,"channel":)";
  out += in_quotes(channel);
  out += R"(,"id":)";
  out += id;
  return out;
}

std::string base64_of(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8U | (at + i < bytes.size() ? static_cast<std::uint8_t>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += at + i > bytes.size() ? '=' : alphabet[bits >> (18 - 6 * i) & 63U];
    }
  }
  return out;
}

}  // namespace

Client::Client(Host& host, Model& model, const Plan& plan, std::size_t number, testing::Chance& chance)
    : host_(host), model_(model), plan_(plan), number_(number), chance_(chance) {}

std::optional<hub::SessionId> Client::session() const {
  if (connection_ == nullptr) return std::nullopt;
  return connection_->id();
}

bool Client::is_member_of(const std::string& channel) const {
  return connection_ != nullptr && !connection_->finishing() && stays_.contains(channel);
}

// --- connections

std::unique_ptr<Stay> Client::make_stay(Stay::Asked asked) {
  return std::make_unique<Stay>(model_, number_, connection_->id(), plan().healthy, std::move(asked));
}

void Client::connect() {
  CRIER_ASSERT(connection_ == nullptr);
  connection_ = &host_.open(number_, plan());
  session_text_ = connection_->id().text();
  reader_ = std::make_unique<WireReader>(plan().form);
  told_to_go_ = false;
  model_.story.tell(number_, "", [&] { return "client " + std::to_string(number_) + " connects as " + session_text_; });
  plan().form == hub::WireForm::sse ? connect_stream() : connect_websocket();
}

// A browser comes back with the URL that it began with, and with the id of the last event that it saw.
void Client::connect_stream() {
  if (stream_channels_.empty()) {
    const std::size_t count = chance_.between(1, 4);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = draw_name();
      if (std::find(stream_channels_.begin(), stream_channels_.end(), name) == stream_channels_.end()) {
        stream_channels_.push_back(name);
      }
    }
  }
  std::vector<std::optional<command::Position>> resume;
  if (!last_event_id_.empty()) {
    auto parsed =
        command::parse_stream_position(last_event_id_, command::stream_mark(stream_channels_), stream_channels_.size());
    if (!parsed) return violate("", "the id of an event is not one: " + last_event_id_);
    resume = std::move(*parsed);
  }
  for (std::size_t i = 0; i < stream_channels_.size(); ++i) {
    Awaited awaited;
    awaited.kind = Kind::subscribe;
    awaited.channel = stream_channels_[i];
    awaited.stay = make_stay({stream_channels_[i], resume.empty() ? std::nullopt : resume[i], std::nullopt, false});
    awaited_by_name_[stream_channels_[i]] = std::move(awaited);
  }
  connection_->start_stream(stream_channels_, std::move(resume));
}

void Client::connect_websocket() {
  std::vector<std::string> channels;
  for (std::size_t count = chance_.one_in(3) ? chance_.below(4) : 0; count > 0; --count) {
    const std::string name = draw_name();
    channels.push_back(name);
    if (awaited_by_name_.contains(name)) continue;
    Awaited awaited;
    awaited.kind = Kind::subscribe;
    awaited.channel = name;
    awaited.serial = held_[name] = next_serial_++;
    awaited.stay = make_stay({name, std::nullopt, std::nullopt, false});
    awaited_by_name_[name] = std::move(awaited);
  }
  connection_->start_websocket(channels);
}

void Client::remember_positions() {
  for (const auto& [name, stay] : stays_) {
    if (stay->position()) remembered_[name] = *stay->position();
  }
}

void Client::end_connection() {
  remember_positions();
  connection_ = nullptr;
  reader_.reset();
  awaited_.clear();
  awaited_by_name_.clear();
  stays_.clear();
  held_.clear();
  stalled_ = 0;
}

void Client::vanish() {
  if (connection_ == nullptr) return;
  model_.story.tell(number_, "", [&] { return "client " + std::to_string(number_) + " vanishes"; });
  connection_->abandon();
  end_connection();
}

void Client::lose_connection() {
  if (connection_ == nullptr) return;
  model_.story.tell(number_, "", [&] { return "client " + std::to_string(number_) + " loses its connection"; });
  end_connection();
}

bool Client::can_read() const {
  return connection_ != nullptr && stalled_ == 0 && (connection_->arrived() > 0 || connection_->ended());
}

void Client::read(std::size_t bytes_max) {
  const std::string bytes = connection_->receive(bytes_max);
  model_.story.note(number_);
  model_.story.note(bytes);
  reader_->add(bytes);
  while (std::optional<Heard> heard = reader_->next()) {
    hear(*heard);
    if (model_.story.violation()) return;
  }
  if (!reader_->fault().empty()) return violate("", "the wire: " + reader_->fault());
  if (!connection_->ended() || connection_->arrived() > 0) return;
  if (plan().healthy) return violate("", "was disconnected, although it reads everything at once");
  if (plan().form != hub::WireForm::sse && !connection_->was_reset()) {
    if (!told_to_go_) return violate("", "the connection ended without a close frame");
    if (reader_->in_the_middle()) return violate("", "the connection ended within a frame");
  }
  connection_->abandon();
  end_connection();
}

// --- what it does

void Client::act() {
  if (connection_ == nullptr) {
    if (chance_.one_in(3)) connect();
    return;
  }
  if (told_to_go_) return;
  if (chance_.one_in(300)) return vanish();
  if (!plan().healthy && stalled_ == 0 && chance_.one_in(40)) {
    stalled_ = chance_.between(1, plan().patience);
    return;
  }
  if (plan().form == hub::WireForm::sse) return;
  std::vector<std::string> commands;
  for (std::size_t count = chance_.one_in(6) ? chance_.between(1, 8) : 1; count > 0; --count) draw_command(commands);
  if (commands.size() == 1 && !chance_.one_in(8)) return send(commands.front());
  std::string array;
  for (const std::string& command : commands) {
    array += array.empty() ? '[' : ',';
    array += command;
  }
  array += ']';
  send(array);
}

void Client::leave_all() {
  if (connection_ == nullptr || plan().form == hub::WireForm::sse) return;
  const std::map<std::string, std::uint64_t> names = held_;
  for (const auto& [name, serial] : names) send(say_unsubscribe(name));
}

void Client::ask_at_rest() {
  if (connection_ == nullptr || plan().form == hub::WireForm::sse || told_to_go_) return;
  const std::string channel = draw_channel();
  send(say_history(channel, /*at_rest=*/true));
  if (plan_.config.settings_of(command::namespace_of(channel)).presence) send(say_presence(channel, /*at_rest=*/true));
}

void Client::send(const std::string& json) {
  model_.story.tell(number_, "", [&] { return "client " + std::to_string(number_) + " says " + json; });
  connection_->send(encode_command(json, plan().form));
}

std::string Client::draw_channel() {
  return plan_.channels[chance_.below(plan_.channels.size())];
}

std::string Client::draw_name() {
  if (!plan_.patterns.empty() && chance_.one_in(4)) return plan_.patterns[chance_.below(plan_.patterns.size())];
  return draw_channel();
}

// A number or a string.
std::string Client::draw_id() {
  const std::string number = std::to_string(next_id_++);
  return chance_.one_in(2) ? number : in_quotes("the command number " + number);
}

void Client::draw_command(std::vector<std::string>& commands) {
  if (chance_.below(100) < plan_.publish_percent) return commands.push_back(say_publish());
  const std::string channel = draw_channel();
  const bool presence = plan_.config.settings_of(command::namespace_of(channel)).presence;
  switch (chance_.below(8)) {
    case 0: return commands.push_back(say_history(channel, /*at_rest=*/false));
    case 1:
      if (presence) return commands.push_back(say_presence(channel, /*at_rest=*/false));
      break;
    case 2: break;
    case 3:
    case 4:
      if (held_.empty()) break;
      return commands.push_back(say_unsubscribe(
          std::string(std::next(held_.begin(), static_cast<std::ptrdiff_t>(chance_.below(held_.size())))->first)));
    default: {
      const std::string name = draw_name();
      if (held_.contains(name)) {
        if (!chance_.one_in(3)) break;
        commands.push_back(say_unsubscribe(name));  // and at once again, often before the first answer has come
      }
      return commands.push_back(say_subscribe(name));
    }
  }
  commands.push_back(say_ping());
}

std::string Client::say_ping() {
  const std::string id = draw_id();
  awaited_[id].kind = Kind::ping;
  std::string json = R"({"op":"ping","id":)";
  json += id;
  json += '}';
  return json;
}

std::string Client::say_subscribe(const std::string& name) {
  Stay::Asked asked{name, std::nullopt, std::nullopt, false};
  const config::Namespace& settings = plan_.config.settings_of(command::namespace_of(name));
  if (!command::looks_like_pattern(name)) {
    const auto remembered = remembered_.find(name);
    if (remembered != remembered_.end() && !chance_.one_in(4)) asked.since = remembered->second;
    if (chance_.one_in(30)) asked.since = command::Position{model_.truth.epoch_name(model_.truth.epoch()), 1U << 30U};
    if (chance_.one_in(30)) asked.since = command::Position{"elsewhen", 1};
    if (chance_.one_in(3)) asked.last = chance_.between(0, std::min<std::size_t>(settings.history.messages, 20));
    asked.watch = settings.presence && chance_.one_in(2);
  }
  Awaited awaited;
  awaited.kind = Kind::subscribe;
  awaited.channel = name;
  awaited.serial = held_[name] = next_serial_++;
  awaited.stay = make_stay(asked);
  const std::string id = draw_id();
  awaited_[id] = std::move(awaited);
  std::string json = command_on("subscribe", name, id);
  if (asked.since) json += R"(,"since":)" + in_quotes(asked.since->text());
  if (asked.last) json += R"(,"last":)" + std::to_string(*asked.last);
  if (asked.watch) json += R"(,"presence":true)";
  return json + "}";
}

std::string Client::say_unsubscribe(const std::string& name) {
  Awaited awaited;
  awaited.kind = Kind::unsubscribe;
  awaited.channel = name;
  awaited.serial = held_.at(name);
  held_.erase(name);
  const std::string id = draw_id();
  awaited_[id] = std::move(awaited);
  return command_on("unsubscribe", name, id) + "}";
}

// --- publishing

void Client::draw_data(Publish& publish, PublishId id) {
  const std::size_t bytes = chance_.below(chance_.between(1, plan_.data_bytes_max));
  const std::string number = std::to_string(id);
  const std::string padding(bytes, static_cast<char>('a' + id % 26));
  publish.shape = bytes < 8 ? Publish::Shape::number
                            : chance_.one_of({Publish::Shape::text, Publish::Shape::object, Publish::Shape::bytes});
  switch (publish.shape) {
    case Publish::Shape::number: publish.text = publish.data_json = number; return;
    case Publish::Shape::text:
      publish.text = number + "." + padding;
      publish.data_json = in_quotes(publish.text);
      return;
    case Publish::Shape::object:
      publish.text = padding;
      publish.data_json = R"({"n":)" + number + R"(,"pad":)" + in_quotes(padding) + "}";
      return;
    case Publish::Shape::bytes:
      publish.text = number + "." + padding;
      publish.data_json = in_quotes(base64_of(publish.text));
      return;
  }
}

Publish Client::draw_publish() {
  Publish publish;
  publish.client = number_;
  publish.session = connection_->id();
  publish.sequence = sequence_++;
  publish.channels.push_back(draw_channel());
  if (chance_.one_in(10)) {
    for (std::size_t more = chance_.below(5); more > 0; --more) {
      const std::string channel = draw_channel();
      auto& all = publish.channels;
      if (std::find(all.begin(), all.end(), channel) == all.end()) all.push_back(channel);
    }
  }
  publish.echo = !chance_.one_in(8);
  if (chance_.one_in(8)) publish.exclude = host_.some_session();
  if (chance_.one_in(4)) publish.key = "k" + std::to_string(chance_.below(plan_.keys_drawn));
  if (chance_.one_in(2)) publish.conflate = "c" + std::to_string(chance_.below(3));
  if (chance_.one_in(6)) publish.ttl_s = chance_.between(1, 3);
  return publish;
}

std::string Client::say_publish() {
  const PublishId id = model_.truth.say(draw_publish());
  Publish& publish = model_.truth.said(id);
  draw_data(publish, id);
  const bool broadcast = publish.channels.size() > 1;
  std::string json = R"({"op":"publish",)";
  if (broadcast) {
    json += R"("channels":[)";
    for (const std::string& channel : publish.channels) {
      if (json.back() != '[') json += ',';
      json += in_quotes(channel);
    }
    json += ']';
  } else {
    json += R"("channel":)" + in_quotes(publish.channels.front());
  }
  json += R"(,"data":)" + publish.data_json;
  if (publish.shape == Publish::Shape::bytes) json += R"(,"encoding":"base64")";
  if (!publish.echo) json += R"(,"echo":false)";
  if (publish.exclude) json += R"(,"exclude":)" + in_quotes(publish.exclude->text());
  if (!publish.key.empty()) json += R"(,"key":)" + in_quotes(publish.key);
  if (!publish.conflate.empty()) json += R"(,"conflate":)" + in_quotes(publish.conflate);
  if (publish.ttl_s != 0) json += R"(,"ttl":)" + std::to_string(publish.ttl_s);
  if (!chance_.one_in(3)) {
    const std::string command_id = draw_id();
    Awaited& awaited = awaited_[command_id];
    awaited.kind = broadcast ? Kind::broadcast : Kind::publish;
    awaited.channel = publish.channels.front();
    awaited.publish = id;
    json += R"(,"id":)" + command_id;
  }
  return json + "}";
}

// --- queries

std::string Client::say_history(const std::string& channel, bool at_rest) {
  Awaited awaited;
  awaited.kind = Kind::history;
  awaited.channel = channel;
  awaited.at_rest = at_rest;
  awaited.accepted = model_.truth.channel(channel).order.size();
  const auto remembered = remembered_.find(channel);
  if (remembered != remembered_.end() && chance_.one_in(2)) awaited.since = remembered->second;
  if (chance_.one_in(2)) awaited.limit = chance_.between(1, 20);
  awaited.reverse = chance_.one_in(3);
  const std::string id = draw_id();
  std::string json = command_on("history", channel, id);
  if (awaited.since) json += R"(,"since":)" + in_quotes(awaited.since->text());
  if (awaited.limit) json += R"(,"limit":)" + std::to_string(*awaited.limit);
  if (awaited.reverse) json += R"(,"reverse":true)";
  awaited_[id] = std::move(awaited);
  return json + "}";
}

std::string Client::say_presence(const std::string& channel, bool at_rest) {
  const std::string id = draw_id();
  Awaited& awaited = awaited_[id];
  awaited.kind = Kind::presence;
  awaited.channel = channel;
  awaited.at_rest = at_rest;
  awaited.slow_consumers = host_.slow_consumers();
  return command_on("presence", channel, id) + "}";
}

}  // namespace crier::simulation
