#include "broker/session/sse_session.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/engine/memory_engine.hpp"
#include "broker/session/http_session.hpp"
#include "protocol/command/stream_position.hpp"

namespace crier::session {
namespace {

using command::Position;
using Strings = std::vector<std::string>;
using Positions = std::vector<std::optional<Position>>;

// A connection that is never written.
class ListeningHost final : public Host {
 public:
  void want_flush() override {}
  void pause_reading() override {}
  void resume_reading() override {}
  std::string take_all() {
    std::string text;
    while (!outbox_.empty()) {
      std::array<std::string_view, 1> piece;
      static_cast<void>(outbox_.gather(piece));
      text += piece[0];
      outbox_.consume(piece[0].size());
    }
    return text;
  }
};

// One shard, and somebody who posts.
class Broker final : private hub::Surroundings, private HttpSession::Listener {
 public:
  explicit Broker(const config::Config& config)
      : shard({}, config, engine, *this, metrics), environment{config, shard, metrics, parser, cbor} {
    shard.bind_to_this_thread();
    poster.emplace(environment, posting, hub::SessionId{7, 7}, static_cast<HttpSession::Listener&>(*this));
  }
  void settle() {
    do {
      shard.run_turn({1, 1000});
    } while (shard.has_work());
  }
  void publish(std::string_view channel, std::string_view data) {
    std::string body = R"({"op":"publish","channel":")";
    body.append(channel).append(R"(","data":)").append(data).append("}");
    EXPECT_TRUE(poster->post(body));
    settle();
  }
  // As an engine that has lost everything.
  void change_epoch(const std::string& channel, Position position) {
    auto batch = std::make_unique<hub::Batch>();
    auto change = std::make_unique<hub::Answer>(
        hub::EpochChange{.channel_hash = hub::hash_of(channel), .channel = channel, .position = std::move(position)});
    batch->deliveries.emplace_back(std::move(change));
    shard.receive(std::move(batch));
    settle();
  }

  engine::MemoryEngine engine{"e", 100};
  runtime::ThreadMetrics metrics;
  command::JsonCommandParser parser;
  command::CborTranscoder cbor;
  hub::Shard shard;
  Environment environment;

 private:
  void post(hub::ShardId /*to*/, std::unique_ptr<hub::Batch> /*batch*/) override {}
  void want_turn() override {}
  void flush() override {}
  void on_outcome(PostOutcome /*outcome*/) override {}
  ListeningHost posting;
  std::optional<HttpSession> poster;
};

struct Event {
  std::optional<std::string> id;
  std::string name;
  nlohmann::json data;
};

class SseSessionTest : public ::testing::Test {
 protected:
  void listen(Strings channels, Positions resume = {}) {
    names = channels;
    session.emplace(broker.environment, host, hub::SessionId{1, 2}, std::move(channels), std::move(resume));
    session->start(1234);
    broker.settle();
  }
  // As after a flush that took everything, until nothing more comes.
  std::string take_text() {
    std::string text;
    for (std::string more = host.take_all(); !more.empty(); more = host.take_all()) {
      text += more;
      EXPECT_TRUE(session->on_waiting(0));
      broker.settle();
      EXPECT_TRUE(session->on_waiting(0));
      broker.settle();
    }
    return text;
  }
  std::vector<Event> take_events() {
    std::vector<Event> events;
    const std::string all = take_text();
    for (std::string_view text = all; !text.empty();) {
      const auto end = text.find("\n\n");
      EXPECT_NE(end, std::string_view::npos);
      add_event(events, text.substr(0, end));
      text.remove_prefix(end + 2);
    }
    return events;
  }
  Positions positions_of(const Event& event) const {
    EXPECT_TRUE(event.id);
    const auto parsed =
        command::parse_stream_position(event.id.value_or(""), command::stream_mark(names), names.size());
    EXPECT_TRUE(parsed);
    return parsed ? *parsed : Positions{};
  }

  config::Config config;
  Broker broker{config};
  ListeningHost host;
  Strings names;
  std::optional<SseSession> session;

 private:
  static void add_event(std::vector<Event>& events, std::string_view block) {
    Event event;
    while (!block.empty()) {
      const std::string_view line = block.substr(0, block.find('\n'));
      block.remove_prefix(std::min(line.size() + 1, block.size()));
      if (line.starts_with("id: ")) event.id = line.substr(4);
      if (line.starts_with("event: ")) event.name = line.substr(7);
      if (line.starts_with("data: ")) event.data = nlohmann::json::parse(line.substr(6));
    }
    if (event.name.empty()) return;  // a retry or a comment
    EXPECT_EQ(event.data["op"], event.name);
    events.push_back(std::move(event));
  }
};

TEST_F(SseSessionTest, Says_when_to_come_back_then_welcome_then_where_each_channel_starts) {
  listen({"a", "b"});
  const std::string text = take_text();
  EXPECT_EQ(text.substr(0, 60), "retry: 1234\n\nevent: welcome\ndata: {\"op\":\"welcome\",\"session\":");
  EXPECT_NE(text.find("\nevent: subscribed\ndata: {\"op\":\"subscribed\",\"channel\":\"a\",\"position\":\"e:100\""),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\"channel\":\"b\""), std::string::npos);
}

TEST_F(SseSessionTest, Tells_with_each_message_where_the_whole_stream_stands) {
  listen({"a", "b"});
  const auto started = take_events();
  ASSERT_EQ(started.size(), 3U);
  EXPECT_FALSE(started[0].id) << "nothing is known yet";
  EXPECT_EQ(positions_of(started[1]), (Positions{Position{"e", 100}, std::nullopt}));
  EXPECT_EQ(positions_of(started[2]), (Positions{Position{"e", 100}, Position{"e", 100}}));
  broker.publish("a", "1");
  broker.publish("b", "2");
  broker.publish("a", "3");
  const auto events = take_events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(positions_of(events[0]), (Positions{Position{"e", 101}, Position{"e", 100}}));
  EXPECT_EQ(positions_of(events[1]), (Positions{Position{"e", 101}, Position{"e", 102}}));
  EXPECT_EQ(positions_of(events[2]), (Positions{Position{"e", 103}, Position{"e", 102}}));
  EXPECT_EQ(events[2].data["position"], "e:103");
}

TEST_F(SseSessionTest, Sends_the_same_event_whether_it_copies_it_or_shares_it) {
  listen({"a"});
  static_cast<void>(take_text());
  for (const std::size_t bytes : {10U, 150U, 250U, 1000U, 60'000U}) {
    std::string data = "\"";
    data.append(bytes, 'x').append("\"");
    broker.publish("a", data);
    const auto events = take_events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_TRUE(events[0].id);
    EXPECT_EQ(events[0].data["data"].get<std::string>().size(), bytes);
  }
}

TEST_F(SseSessionTest, Resumes_every_channel_from_where_it_stood_and_keeps_the_others_in_each_id) {
  listen({"a", "b"});
  broker.publish("a", "1");
  broker.publish("b", "2");
  broker.publish("b", "3");
  broker.publish("a", "4");
  session.reset();
  static_cast<void>(host.take_all());
  listen({"a", "b"}, {Position{"e", 101}, Position{"e", 102}});
  broker.publish("b", "5");
  const auto events = take_events();
  Strings a;
  Strings b;
  Positions stands = {Position{"e", 101}, Position{"e", 102}};
  for (const Event& event : events) {
    if (event.name == "subscribed") {
      EXPECT_EQ(event.data["recovered"], true);
    }
    if (event.name == "message") {
      const bool of_a = event.data["channel"] == "a";
      (of_a ? a : b).push_back(event.data["data"].dump());
      stands[of_a ? 0 : 1] = *Position::parse(event.data["position"].get<std::string>());
    }
    EXPECT_EQ(positions_of(event), stands) << event.data;
  }
  EXPECT_EQ(a, (Strings{"4"}));
  EXPECT_EQ(b, (Strings{"3", "5"}));
}

TEST_F(SseSessionTest, Goes_on_from_the_top_where_the_past_is_gone) {
  listen({"a"}, {Position{"other", 5}});
  const auto events = take_events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].data["recovered"], false);
  EXPECT_EQ(positions_of(events[1]), (Positions{Position{"e", 100}}));
}

TEST_F(SseSessionTest, Has_no_position_in_a_pattern) {
  listen({"x.*", "x.a"});
  static_cast<void>(take_text());
  broker.publish("x.a", "1");
  const auto events = take_events();
  ASSERT_EQ(events.size(), 2U);
  const std::size_t by_pattern = events[0].data.contains("pattern") ? 0 : 1;
  EXPECT_EQ(events[by_pattern].data["pattern"], "x.*");
  EXPECT_FALSE(events[by_pattern].id);
  EXPECT_EQ(positions_of(events[1 - by_pattern]), (Positions{std::nullopt, Position{"e", 101}}));
}

TEST_F(SseSessionTest, Has_no_position_where_no_history_is_kept) {
  config.namespaces["none"].history.messages = 0;
  listen({"none:a"});
  broker.publish("none:a", "1");
  for (const Event& event : take_events()) EXPECT_FALSE(event.id) << event.data;
}

TEST_F(SseSessionTest, Begins_anew_where_the_history_may_not_be_read) {
  config.namespaces["closed"].history_access = config::Access::nobody;
  listen({"closed:a"}, {Position{"e", 50}});
  broker.publish("closed:a", "1");
  const auto events = take_events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[1].name, "subscribed");
  EXPECT_FALSE(events[1].data.contains("recovered"));
  EXPECT_EQ(events[2].data["data"], 1);
  for (const Event& event : events) EXPECT_FALSE(event.id) << event.data;
}

TEST_F(SseSessionTest, Tells_of_a_channel_that_it_may_not_have_and_keeps_the_place_in_it) {
  config.namespaces["deaf"].subscribe = config::Who::nobody;
  listen({"deaf:a", "b"}, {Position{"e", 50}, std::nullopt});
  const auto events = take_events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[1].name, "error");
  EXPECT_EQ(events[1].data["code"], "forbidden");
  EXPECT_EQ(positions_of(events[2]), (Positions{Position{"e", 50}, Position{"e", 100}}));
}

TEST_F(SseSessionTest, Goes_on_in_a_new_epoch_behind_a_gap) {
  listen({"a"});
  static_cast<void>(take_text());
  broker.change_epoch("a", Position{"new", 7});
  const auto events = take_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].name, "gap");
  EXPECT_FALSE(events[0].data.contains("lost"));
  EXPECT_EQ(positions_of(events[0]), (Positions{Position{"new", 7}}));
}

}  // namespace
}  // namespace crier::session
