// A home without a shard: what it is asked for, and one line for everything that it sends.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "broker/hub/home.hpp"
#include "protocol/base/check.hpp"
#include "tests/support/scripted_engine.hpp"

namespace crier::hub {

// Writes down what a home sends: "2 message a 5 data". The first number is the shard that it is for.
class Lines final : public DeliveryLanes {
 public:
  void send_message(ShardId to, const MessagePtr& message) override {
    write(start(to, "message"), message->channel(), " ", message->offset(), " ", message->data_json());
    last_message = message;
  }
  void send_answer(ShardId to, Delivery delivery) override {
    if (const auto* const published = std::get_if<PublishAnswer>(&delivery)) return tell(to, *published);
    std::visit([&](const auto& answer) { tell(to, answer); }, *std::get<std::unique_ptr<Answer>>(delivery));
  }
  void send_credit(ShardId to, SessionRef session, std::size_t bytes) override {
    write(start(to, "credit"), "for ", name(session));
    credit = bytes;
  }
  std::vector<std::string> take() { return std::exchange(lines, {}); }
  std::string take_one() {
    EXPECT_EQ(lines.size(), 1U);
    const std::vector<std::string> all = take();
    return all.empty() ? "" : all.back();
  }

  std::vector<std::string> lines;
  std::size_t credit = 0;
  std::optional<std::int64_t> retry_after_s;  // of the last publish that was refused
  MessagePtr last_message;
  std::vector<MessagePtr> last_messages;  // of the last fetch

 private:
  template <class Part>
  static void write_one(std::string& line, const Part& part) {
    if constexpr (std::is_arithmetic_v<Part>) {
      line.append(std::to_string(part));
    } else {
      line.append(part);
    }
  }
  template <class... Parts>
  static void write(std::string& line, const Parts&... parts) {
    (write_one(line, parts), ...);
  }
  std::string& start(ShardId to, std::string_view what) {
    std::string& line = lines.emplace_back();
    write(line, to, " ", what, " ");
    return line;
  }
  static std::string name(SessionRef session) {
    std::string all;
    write(all, session.slot, ".", session.generation);
    return all;
  }
  static std::string text(const std::optional<command::Position>& position) {
    return position ? position->text() : "nowhere";
  }
  // "1,2 of 2"
  static std::string text(const MemberPage& page) {
    std::string all;
    for (const Member& member : page.members) write(all, all.empty() ? "" : ",", member.session.high);
    write(all, " of ", page.count, page.more ? " and more" : "");
    return all;
  }
  static std::string offsets(const std::vector<MessagePtr>& messages) {
    std::string all;
    for (const MessagePtr& message : messages) write(all, message->offset(), " ");
    return all;
  }

  void tell(ShardId to, const PublishAnswer& answer) {
    std::string& line = start(to, answer.message || answer.outcome->position ? "published" : "refused");
    if (answer.message) {
      write(line, answer.message->offset());
    } else {
      credit = answer.outcome->bytes;
      retry_after_s = answer.outcome->retry_after_s;
      if (answer.outcome->position) {
        write(line, "again ", text(*answer.outcome->position));
      } else {
        write(line, to_string(answer.outcome->position.error().code));
      }
    }
    write(line, " tag ", answer.tag.group, "/", answer.tag.index);
    if (const auto* const id = std::get_if<std::string>(&answer.tag.id)) write(line, " id ", *id);
    write(line, " for ", name(answer.session));
  }
  void tell(ShardId to, const SubscribeAnswer& answer) {
    std::string& line = start(to, answer.start ? "subscribed" : "refused");
    write(line, answer.start ? text(answer.start->position) : std::string(to_string(answer.start.error().code)), " ",
          answer.channel, " serial ", answer.serial, " for ", name(answer.session));
    if (!answer.start) return;
    const SubscribeAnswer::Start& begin = *answer.start;
    if (begin.recovered) write(line, *begin.recovered ? " recovered" : " not recovered");
    if (!begin.replayed) write(line, " replays unknown");
    if (begin.replayed.value_or(0) > 0) write(line, " replays ", *begin.replayed);
    if (!begin.at_top) write(line, " after ", begin.after, "#", begin.number);
    if (begin.members) write(line, " members ", text(*begin.members));
  }
  void tell(ShardId to, const FetchAnswer& answer) {
    write(start(to, "fetched"), offsets(answer.messages), "through ", answer.through, "#", answer.through_number,
          answer.at_top ? " top" : "", answer.evicted ? " evicted" : "");
    last_messages = answer.messages;
  }
  void tell(ShardId to, const HistoryAnswer& answer) {
    std::string& line = start(to, "history");
    if (!answer.page) return write(line, to_string(answer.page.error().code));
    write(line, offsets(answer.page->messages), "top ", text(answer.page->top));
    if (answer.page->next) write(line, " next ", text(answer.page->next));
  }
  void tell(ShardId to, const PresenceAnswer& answer) {
    write(start(to, "presence"), answer.channel, " ", text(answer.page));
  }
  void tell(ShardId to, const PatternAnswer& answer) {
    std::string& line = start(to, "pattern");
    write(line, answer.pattern, " serial ", answer.serial);
    if (answer.refused) write(line, " refused ", to_string(answer.refused->code));
  }
  void tell(ShardId to, const PresenceEvent& event) {
    static constexpr std::string_view kinds[] = {"join", "leave", "count", "list"};
    std::string& line = start(to, kinds[static_cast<std::size_t>(event.kind)]);
    write(line, event.channel, " ");
    switch (event.kind) {
      case PresenceEvent::Kind::join:
      case PresenceEvent::Kind::leave: return write(line, event.member.session.high);
      case PresenceEvent::Kind::count: return write(line, event.page.count);
      case PresenceEvent::Kind::list: return write(line, text(event.page));
    }
  }
  void tell(ShardId to, const ListAnswer& answer) {
    std::string& line = start(to, "channels");
    for (const ChannelListing::Entry& entry : answer.listing->entries) {
      write(line, entry.channel, "=", entry.subscriptions, " ");
    }
    write(line, answer.listing->next ? "and more" : "of all");
  }
  void tell(ShardId /*to*/, const DirectiveAnswer& /*answer*/) { CRIER_ASSERT(false); }  // a shard's
  void tell(ShardId to, const EpochChange& change) {
    write(start(to, "epoch"), change.channel, " ", change.position.text());
  }
};

// What a subscription asks for. `member`: the session; by default one for each serial.
struct Ask {
  std::optional<command::Position> since = {};
  std::optional<std::uint64_t> last = {};
  std::uint64_t member = 0;
  bool watch = false;
};
struct Say {
  ReplyTag tag = {};
  std::string data = "1";
  std::string key = {};
  std::string scope = {};
  std::uint64_t ttl_s = 0;
  bool probe = false;
};

class HomeTest : public ::testing::Test {
 protected:
  using Text = std::vector<std::string>;
  using Position = command::Position;

  // Keeps no history, has no presence.
  static constexpr auto plain = "plain:a";
  static constexpr auto plain_b = "plain:b";

  HomeTest() {
    config.namespaces["plain"].history.messages = 0;
    config.namespaces["plain"].presence = false;
    config.namespaces["few"].history.messages = 3;
    config.namespaces["small"].presence_watch_max = 4;
  }
  // With what the test has set so far.
  Home& home() {
    if (!home_) {
      home_ = std::make_unique<Home>(config, limits, lines, metrics);
      home_->attach(engine);
      engine.answers = &home_->answers();
    }
    return *home_;
  }
  void restart() {
    home_.reset();
    home();
  }
  // The subscriptions that are there end with the test: nobody else would count them down.
  void handle(ShardId from, ControlRequest control) {
    Request request = std::make_unique<ControlRequest>(std::move(control));
    home().handle(from, request, now_ms);
  }

  void subscribe(ShardId from, const std::string& channel, std::uint32_t serial, Ask ask = {}) {
    const std::uint64_t member = ask.member == 0 ? serial : ask.member;
    handle(from, SubscribeRequest{.session = {4, 5},
                                  .serial = serial,
                                  .channel_hash = hash_of(channel),
                                  .channel = channel,
                                  .since = ask.since,
                                  .last = ask.last,
                                  .member = {{member, 0}, nullptr, 0},
                                  .watch = ask.watch});
  }
  void unsubscribe(ShardId from, const std::string& channel, std::uint32_t serial, Ask ask = {}) {
    const std::uint64_t member = ask.member == 0 ? serial : ask.member;
    handle(from, UnsubscribeRequest{.serial = serial,
                                    .channel_hash = hash_of(channel),
                                    .channel = channel,
                                    .session = {member, 0},
                                    .watch = ask.watch});
  }
  // Returns what the draft costs.
  std::size_t say(ShardId from, const std::string& channel, Say what) {
    MessageOptions options;
    options.probe = what.probe;
    options.ttl_s = what.ttl_s;
    MessageDraft draft(channel, hash_of(channel), what.data, options);
    const std::size_t bytes = draft->bytes();
    std::unique_ptr<PublishRequest::Key> key;
    if (!what.key.empty()) key = std::make_unique<PublishRequest::Key>(PublishRequest::Key{what.scope, what.key});
    Request request = PublishRequest{{8, 9}, std::move(draft), std::move(what.tag), std::move(key)};
    home().handle(from, request, now_ms);
    return bytes;
  }
  std::size_t publish(ShardId from, const std::string& channel, ReplyTag tag = {}) {
    return say(from, channel, {.tag = std::move(tag)});
  }
  // So many, whose credit nobody looks at.
  void fill(const std::string& channel, int messages) {
    for (int i = 0; i < messages; ++i) publish(0, channel);
    lines.take();
  }
  std::string fetch(const std::string& channel, std::uint64_t after, std::size_t bytes_max = 1'000'000) {
    lines.take();
    handle(0, FetchRequest{.session = {4, 5},
                           .serial = 1,
                           .channel_hash = hash_of(channel),
                           .channel = channel,
                           .after = after,
                           .bytes_max = bytes_max});
    return lines.lines.empty() ? "nothing yet" : lines.take_one();
  }
  static ReplyTag single(std::string id = {}) {
    return {ReplyTag::Kind::single, 0, 0, id.empty() ? command::CommandId{} : command::CommandId{std::move(id)}};
  }

  config::Config config;
  HomeLimits limits{.channels_max = 1000};
  Lines lines;
  runtime::ThreadMetrics metrics;
  testing::ScriptedEngine engine{"ep"};
  std::int64_t now_ms = 99;

 private:
  std::unique_ptr<Home> home_;
};

}  // namespace crier::hub
