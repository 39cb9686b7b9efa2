// The user's calls: checked by what the broker itself would say, and put into the outbox.
#include <algorithm>

#include "clients/cpp/core.hpp"
#include "protocol/command/base64.hpp"
#include "protocol/command/channel_name.hpp"
#include "protocol/command/command_writer.hpp"
#include "protocol/command/json_scanner.hpp"
#include "protocol/websocket/utf8.hpp"

namespace crier::client {

namespace {

std::optional<std::string_view> if_any(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

Result<std::optional<command::Position>> parse_since(const std::string& since) {
  if (since.empty()) return std::optional<command::Position>();
  auto position = command::Position::parse(since);
  if (position) return std::optional(std::move(*position));
  return make_error(ErrorCode::bad_request, "since " + position.error().detail);
}

std::string text_of(const std::optional<command::Position>& position) {
  return position ? position->text() : std::string();
}

Member to_member(const command::Member& member) {
  return {member.session, member.user.value_or(""), member.info_json.value_or("")};
}

StoredMessage to_stored(const command::StoredMessage& stored, const std::string& channel) {
  StoredMessage message;
  message.channel = channel;
  message.data = stored.data_json;
  message.binary = stored.encoding == command::Encoding::base64;
  message.position = text_of(stored.position);
  message.time_ms = stored.time_ms;
  return message;
}

Result<Published> to_published(const std::string& channel, const std::optional<command::Position>& position) {
  return Published{channel, text_of(position)};
}

Error wrong_answer() {
  return make_error(ErrorCode::internal, "the broker answered with something else than was asked for");
}

// A Done for a handler of `Value`, made of a reply of one kind by `convert`.
template <class Reply, class Value, class Convert>
Done done_of(ReplyHandler<Value> handler, Convert convert) {
  if (!handler) handler = [](const Result<Value>& /*result*/) {};
  return [handler = std::move(handler), convert](command::Reply* reply, const Error* error) {
    if (error != nullptr) return handler(*error);
    auto* const typed = std::get_if<Reply>(reply);
    handler(typed == nullptr ? Result<Value>(wrong_answer()) : convert(*typed));
  };
}

Done published_done(PublishHandler handler) {
  if (!handler) return {};
  return done_of<command::Published, Published>(std::move(handler), [](const command::Published& published) {
    return to_published(published.channel, published.position);
  });
}

// The results of a batch, as they come; the handler is called with the last of them.
struct Batch {
  std::vector<std::optional<Result<Published>>> results;
  std::size_t missing = 0;
  std::function<void(std::vector<Result<Published>>)> handler;

  void put(std::size_t index, Result<Published> result) {
    results[index].emplace(std::move(result));
    if (--missing > 0 || !handler) return;
    std::vector<Result<Published>> all;
    all.reserve(results.size());
    for (auto& one : results) all.push_back(std::move(*one));
    handler(std::move(all));
  }
};

}  // namespace

std::optional<Error> Core::refuse_now() const {
  if (closing_ || state_ == State::closed) {
    return make_error(ErrorCode::closed, "the client is closed: it takes nothing more");
  }
  if (options_.offline == Offline::refuse && state_ != State::connected) {
    return make_error(ErrorCode::offline, "there is no connection now: try again when on_state says connected");
  }
  return std::nullopt;
}

// Writes a command and reads it as the broker will: one bad command would have all of its message refused, which may
// hold others' commands.
Result<std::string> Core::write(const command::Command& command) {
  std::string text(1, '[');
  command::append_json(text, command);
  text += ']';
  if (!websocket::valid_utf8(text)) {
    return make_error(ErrorCode::bad_request, "data: is not UTF-8; bytes of any kind go with `binary`");
  }
  auto checked = checker_.parse(text);
  if (!checked) {
    const crier::Error& error = checked.error().error;
    return make_error(static_cast<ErrorCode>(error.code), error.detail);
  }
  text.pop_back();
  text.erase(0, 1);
  return text;
}

Result<void> Core::push(command::Command command, bool resend, Done done) {
  if (auto refusal = refuse_now()) return std::move(*refusal);
  if (done) command.id = outbox_.next_id();
  auto text = write(command);
  if (!text) return std::move(text.error());
  return push_text(std::move(*text), resend, std::move(done));
}

Result<void> Core::push_text(std::string text, bool resend, Done done) {
  if (server_bytes_max_ != 0 && text.size() > server_bytes_max_) {
    return make_error(ErrorCode::too_large, "the command has " + std::to_string(text.size()) +
                                                " bytes, over the broker's limits.incoming_bytes_max (" +
                                                std::to_string(server_bytes_max_) + ")");
  }
  if (!outbox_.has_room(text.size())) {
    if (outbox_.empty()) {
      return make_error(ErrorCode::too_large, "the command is over outbox_bytes_max: raise that, or send less at once");
    }
    return make_error(ErrorCode::queue_full, "the outbox is full (outbox_bytes_max): wait for on_room");
  }
  outbox_.push({std::move(text), std::move(done), port_.now() + options_.command_timeout, resend});
  port_.want_turn();
  return {};
}

// ---- Publishing ----

// Puts what the user has left to the library into the publication: base64, a key.
std::optional<Error> Core::prepare(Publication& publication) {
  if (publication.binary) {
    std::string base64(1, '"');
    command::Base64Encoder encoder(base64);
    encoder.append(publication.data);
    encoder.finish();
    publication.data = std::move(base64 += '"');
  } else if (const auto fault = command::check_json(publication.data)) {
    return make_error(ErrorCode::bad_request, "data: must be one JSON value (json_string makes one of a text): " +
                                                  describe(*fault, publication.data));
  }
  if (publication.retry && publication.key.empty()) {
    publication.key = key_prefix_ + "-" + std::to_string(++keys_made_);
  }
  return std::nullopt;
}

command::Publish Core::view_of(const Publication& publication) {
  command::Publish publish;
  publish.channel = publication.channel;
  publish.data = publication.data;
  publish.encoding = publication.binary ? command::Encoding::base64 : command::Encoding::json;
  publish.key = if_any(publication.key);
  publish.echo = publication.echo;
  publish.exclude = if_any(publication.exclude);
  publish.conflate = if_any(publication.conflate);
  if (publication.ttl) publish.ttl_s = static_cast<std::uint64_t>(std::max<std::int64_t>(publication.ttl->count(), 0));
  return publish;
}

Result<void> Core::publish(Publication publication, PublishHandler handler) {
  if (auto error = prepare(publication)) return std::move(*error);
  const bool resend = publication.retry && handler;  // nobody waits for what is not acknowledged
  return push({{}, view_of(publication)}, resend, published_done(std::move(handler)));
}

Result<void> Core::publish_batch(std::vector<Publication> publications,
                                 std::function<void(std::vector<Result<Published>>)> handler) {
  if (auto refusal = refuse_now()) return std::move(*refusal);
  if (publications.empty()) return make_error(ErrorCode::bad_request, "a batch must hold at least one publication");
  std::vector<std::string> texts;
  std::size_t bytes = 0;
  for (Publication& publication : publications) {
    if (auto error = prepare(publication)) return std::move(*error);
    const std::int64_t id = outbox_.next_id() + static_cast<std::int64_t>(texts.size());
    auto text = write({id, view_of(publication)});
    if (!text) return std::move(text.error());
    bytes += text->size();
    texts.push_back(std::move(*text));
  }
  if (!outbox_.has_room(bytes, texts.size())) {
    if (outbox_.empty()) {
      return make_error(ErrorCode::too_large, "the batch is over outbox_bytes_max: raise that, or make it smaller");
    }
    return make_error(ErrorCode::queue_full,
                      "the batch has no room in the outbox (outbox_bytes_max): wait for on_room, "
                      "or make it smaller");
  }
  auto batch = std::make_shared<Batch>();
  batch->results.resize(texts.size());
  batch->missing = texts.size();
  batch->handler = std::move(handler);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto put = [batch, i](Result<Published> result) { batch->put(i, std::move(result)); };
    auto pushed = push_text(std::move(texts[i]), publications[i].retry, published_done(put));
    if (!pushed) put(pushed.error());  // over the broker's limit; its id is free for the next one
  }
  return {};
}

Result<void> Core::broadcast(std::vector<std::string> channels, Publication publication,
                             ReplyHandler<std::vector<Result<Published>>> handler) {
  if (auto error = prepare(publication)) return std::move(*error);
  const std::vector<std::string_view> views(channels.begin(), channels.end());
  command::Publish publish = view_of(publication);
  publish.channel = {};
  publish.channels = views;
  publish.broadcast = true;
  auto done = done_of<command::BroadcastPublished, std::vector<Result<Published>>>(
      std::move(handler), [](const command::BroadcastPublished& published) {
        std::vector<Result<Published>> results;
        for (const auto& one : published.results) {
          if (one.error) {
            results.emplace_back(make_error(static_cast<ErrorCode>(one.error->code), one.error->detail));
          } else {
            results.push_back(to_published(one.channel, one.position));
          }
        }
        return Result<std::vector<Result<Published>>>(std::move(results));
      });
  return push({{}, publish}, publication.retry, std::move(done));
}

void Core::on_room(std::function<void()> handler) {
  room_handlers_.push_back({std::move(handler), outbox_.bytes()});
  port_.want_turn();
}

// ---- Subscribing ----

Result<void> Core::subscribe(std::string channel, SubscribeOptions options, SubscriptionHandlers handlers) {
  if (closing_ || state_ == State::closed) return make_error(ErrorCode::closed, "the client is closed");
  command::Subscribe subscribe;
  subscribe.channel = channel;
  auto since = parse_since(options.since);
  if (!since) return std::move(since.error());
  subscribe.since = std::move(*since);
  subscribe.last = options.last;
  subscribe.presence = options.presence;
  if (auto text = write({1, subscribe}); !text) return std::move(text.error());
  const auto known = find(channel);
  if (known && !known->from_token) {
    return make_error(ErrorCode::already_subscribed, "there is a subscription of that name: unsubscribe first");
  }
  if (!known && subscriptions_.size() >= options_.subscriptions_max) {
    return make_error(ErrorCode::limit_exceeded, "there are subscriptions_max subscriptions: unsubscribe from some");
  }
  if (known && known->phase == Subscription::Phase::live) send_unsubscribe(channel);
  auto subscription = std::make_shared<Subscription>();
  subscription->channel = channel;
  subscription->pattern = command::looks_like_pattern(channel);
  subscription->position = options.since;
  subscription->options = std::move(options);
  subscription->handlers = std::move(handlers);
  subscriptions_[std::move(channel)] = subscription;
  if (state_ == State::connected && !goodbye_) send_subscribe(subscription);
  return {};
}

Result<void> Core::unsubscribe(std::string_view channel) {
  const auto subscription = find(channel);
  if (!subscription) return make_error(ErrorCode::not_subscribed, "there is no subscription of that name");
  const bool known_there = subscription->phase != Subscription::Phase::waiting || subscription->from_token;
  if (state_ == State::connected && !goodbye_ && known_there) send_unsubscribe(subscription->channel);
  subscribing_.erase(subscription->id);
  subscriptions_.erase(subscriptions_.find(channel));
  return {};
}

std::string Core::position(std::string_view channel) const {
  const auto subscription = find(channel);
  return subscription ? subscription->position : std::string();
}

void Core::pause(bool paused) {
  paused_ = paused;
  if (attempt_deadline_) attempt_deadline_ = port_.now() + options_.connect_timeout;
  port_.pause_reading(paused);
  port_.want_turn();
}

// ---- Asking ----

Result<void> Core::history(const HistoryQuery& query, ReplyHandler<HistoryPage> handler) {
  command::History history;
  history.channel = query.channel;
  auto since = parse_since(query.since);
  if (!since) return std::move(since.error());
  history.since = std::move(*since);
  history.limit = query.limit;
  history.reverse = query.reverse;
  history.cursor = if_any(query.cursor);
  auto convert = [](command::HistoryReply& reply) -> Result<HistoryPage> {
    HistoryPage page;
    for (const auto& stored : reply.messages) page.messages.push_back(to_stored(stored, reply.channel));
    page.position = text_of(reply.position);
    page.more = reply.more;
    page.cursor = std::move(reply.cursor);
    return page;
  };
  return push({{}, history}, true, done_of<command::HistoryReply, HistoryPage>(std::move(handler), convert));
}

Result<void> Core::presence(const std::string& channel, const std::string& cursor, ReplyHandler<MembersPage> handler) {
  auto convert = [](command::PresenceReply& reply) -> Result<MembersPage> {
    MembersPage page;
    for (const auto& member : reply.members) page.members.push_back(to_member(member));
    page.count = reply.count;
    page.more = reply.more;
    page.cursor = std::move(reply.cursor);
    return page;
  };
  return push({{}, command::Presence{channel, if_any(cursor)}}, true,
              done_of<command::PresenceReply, MembersPage>(std::move(handler), convert));
}

Result<void> Core::channels(const ChannelsQuery& query, ReplyHandler<ChannelsPage> handler) {
  auto convert = [](command::ChannelsReply& reply) -> Result<ChannelsPage> {
    ChannelsPage page;
    for (auto& entry : reply.channels) page.channels.push_back({std::move(entry.channel), entry.subscribers});
    page.more = reply.more;
    page.cursor = std::move(reply.cursor);
    return page;
  };
  return push({{}, command::Channels{if_any(query.pattern), if_any(query.cursor), query.limit}}, true,
              done_of<command::ChannelsReply, ChannelsPage>(std::move(handler), convert));
}

Result<void> Core::disconnect(const Target& target, ReplyHandler<std::uint64_t> handler) {
  return push({{}, command::Disconnect{if_any(target.user), if_any(target.session)}}, false,
              done_of<command::Disconnected, std::uint64_t>(
                  std::move(handler), [](const command::Disconnected& reply) { return Result(reply.count); }));
}

Result<void> Core::kick(const std::string& channel, const Target& target, ReplyHandler<std::uint64_t> handler) {
  return push({{}, command::Kick{if_any(target.user), if_any(target.session), channel}}, false,
              done_of<command::Kicked, std::uint64_t>(
                  std::move(handler), [](const command::Kicked& reply) { return Result(reply.count); }));
}

Result<void> Core::ping(ReplyHandler<std::chrono::microseconds> handler) {
  const TimePoint asked_at = port_.now();
  auto convert = [this, asked_at](const command::PongReply& /*reply*/) {
    return Result(std::chrono::duration_cast<std::chrono::microseconds>(port_.now() - asked_at));
  };
  return push({{}, command::PingCommand{}}, false,
              done_of<command::PongReply, std::chrono::microseconds>(std::move(handler), convert));
}

}  // namespace crier::client
