#include "broker/session/websocket_session.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "broker/config/version.hpp"
#include "tests/support/fake_host.hpp"
#include "tests/support/scripted_engine.hpp"

namespace crier::session {
namespace {

using testing::FakeClient;
using testing::FakeLoop;
using testing::FakeWorld;
using Texts = std::vector<std::string>;

class WebSocketSessionTest : public ::testing::Test {
 protected:
  config::Config config;
  FakeWorld world{{.config = &config}};
  FakeLoop loop{world, 0};
};

TEST_F(WebSocketSessionTest, Says_welcome_first_with_its_session_and_the_limits_in_force) {
  config.limits.channels_per_connection_max = 77;
  FakeClient client(loop, 9);
  client.start({"a"});
  ASSERT_TRUE(world.settle());
  const Texts texts = client.host.take_texts();
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_EQ(texts[0].substr(0, 16), R"({"op":"welcome",)");
  const nlohmann::json welcome = nlohmann::json::parse(texts[0]);
  EXPECT_EQ(welcome["session"], client.id());
  EXPECT_EQ(welcome["version"], config::version());
  EXPECT_EQ(welcome["heartbeat"], 25);
  EXPECT_EQ(welcome["limits"]["incoming_bytes_max"], 1024 * 1024);
  EXPECT_EQ(welcome["limits"]["channels_per_connection_max"], 77);
  EXPECT_EQ(texts[1], R"({"op":"subscribed","channel":"a","position":"e:0","replayed":0})");
}

TEST_F(WebSocketSessionTest, Subscribes_once_to_a_channel_that_stands_twice_in_the_url) {
  FakeClient client(loop, 9);
  client.start({"a", "b", "a"});
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(client.host.take_texts().size(), 3U);
  EXPECT_EQ(world.subscriptions(), 2);
}

TEST_F(WebSocketSessionTest, Tells_of_a_channel_of_the_url_that_it_may_not_have) {
  config.namespaces["deaf"].subscribe = config::Who::nobody;
  FakeClient client(loop, 9);
  client.start({"deaf:a"});
  ASSERT_TRUE(world.settle());
  const Texts texts = client.host.take_texts();
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(texts[1])["code"], "forbidden");
}

TEST_F(WebSocketSessionTest, Sends_nothing_of_a_subscription_behind_its_unsubscribed) {
  FakeClient client(loop, 9);
  client.say(R"({"op":"subscribe","channel":"a"})");
  ASSERT_TRUE(world.settle());
  static_cast<void>(client.host.take_texts());
  // In one turn: the first message is handed over, then the client leaves, then comes the second.
  client.say(R"({"op":"publish","channel":"a","data":1})");
  world.turn_alone(0);
  client.say(R"([{"op":"publish","channel":"a","data":2},{"op":"unsubscribe","channel":"a"}])");
  ASSERT_TRUE(world.settle());
  const Texts texts = client.host.take_texts();
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(texts[0])["data"], 1);
  EXPECT_EQ(texts[1], R"({"op":"unsubscribed","channel":"a"})");
}

TEST_F(WebSocketSessionTest, Wants_a_flush_for_replies_and_for_messages) {
  FakeClient client(loop, 9);
  client.say(R"({"op":"ping"})");
  EXPECT_TRUE(client.host.flush_wanted);
  client.say(R"({"op":"subscribe","channel":"a"})");
  ASSERT_TRUE(world.settle());
  client.host.flush();
  FakeClient other(loop, 10);
  other.say(R"({"op":"publish","channel":"a","data":1})");
  EXPECT_FALSE(client.host.flush_wanted);
  world.turn_alone(0);
  EXPECT_TRUE(client.host.flush_wanted);
  EXPECT_FALSE(other.host.flush_wanted);
}

// --- CBOR

class CborSessionTest : public WebSocketSessionTest {
 protected:
  static std::string cbor(std::string_view json) {
    const std::vector<std::uint8_t> bytes = nlohmann::json::to_cbor(nlohmann::json::parse(json));
    return {bytes.begin(), bytes.end()};
  }
  // What the client hears, as JSON; all of it in binary messages.
  std::vector<nlohmann::json> take() {
    EXPECT_TRUE(world.settle());
    EXPECT_TRUE(client.flush());
    EXPECT_TRUE(world.settle());
    EXPECT_TRUE(client.flush());
    std::vector<nlohmann::json> all;
    for (const testing::ServerFrame& frame : testing::read_server_frames(client.host.sent)) {
      EXPECT_EQ(frame.opcode, websocket::Opcode::binary);
      EXPECT_FALSE(frame.compressed);
      all.push_back(nlohmann::json::from_cbor(frame.payload));
    }
    client.host.sent.clear();
    return all;
  }
  FakeClient client{loop, 9, hub::WireForm::cbor};
};

TEST_F(CborSessionTest, Speaks_CBOR_in_both_directions) {
  client.start({});
  client.say_cbor(
      cbor(R"([{"op":"subscribe","channel":"a","id":1},{"op":"publish","channel":"a","data":{"x":[1,2.5]}}])"));
  const auto heard = take();
  ASSERT_EQ(heard.size(), 3U);
  EXPECT_EQ(heard[0]["op"], "welcome");
  EXPECT_EQ(heard[1],
            (nlohmann::json{{"op", "subscribed"}, {"id", 1}, {"channel", "a"}, {"position", "e:0"}, {"replayed", 0}}));
  EXPECT_EQ(heard[2]["data"], nlohmann::json::parse(R"({"x":[1,2.5]})"));
  EXPECT_EQ(heard[2]["position"], "e:1");
}

TEST_F(CborSessionTest, Gets_bytes_as_bytes_and_a_session_of_JSON_gets_them_as_base64) {
  FakeClient plain(loop, 10);
  plain.say(R"({"op":"subscribe","channel":"a"})");
  client.say_cbor(cbor(R"({"op":"subscribe","channel":"a"})"));
  take();
  static_cast<void>(plain.host.take_texts());
  nlohmann::json command = {{"op", "publish"}, {"channel", "a"}};
  command["data"] = nlohmann::json::binary({0, 1, 2, 3});
  const std::vector<std::uint8_t> bytes = nlohmann::json::to_cbor(command);
  client.say_cbor({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const auto heard = take();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0]["data"], nlohmann::json::binary({0, 1, 2, 3}));
  EXPECT_FALSE(heard[0].contains("encoding"));
  const Texts texts = plain.host.take_texts();
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_EQ(nlohmann::json::parse(texts[0])["data"], "AAECAw==");
  EXPECT_EQ(nlohmann::json::parse(texts[0])["encoding"], "base64");
}

TEST_F(CborSessionTest, Replays_a_history_in_its_own_form) {
  FakeClient plain(loop, 10);
  plain.say(R"({"op":"publish","channel":"a","data":7})");
  ASSERT_TRUE(world.settle());
  client.say_cbor(cbor(R"({"op":"subscribe","channel":"a","since":"e:0"})"));
  const auto heard = take();
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(heard[0]["recovered"], true);
  EXPECT_EQ(heard[1]["data"], 7);
}

TEST_F(CborSessionTest, Answers_what_is_no_CBOR_with_an_error_and_goes_on) {
  client.say_cbor("\xFF");
  client.say_cbor(cbor(R"({"op":"ping"})"));
  const auto heard = take();
  ASSERT_EQ(heard.size(), 2U);
  EXPECT_EQ(heard[0]["code"], "bad_request");
  EXPECT_EQ(heard[1]["op"], "pong");
  EXPECT_EQ(world.metrics(0).commands.back().value(1), 1U);
}

// --- the life of a stream

TEST_F(WebSocketSessionTest, Tells_of_a_new_epoch_by_a_gap_without_a_number_and_the_new_position) {
  testing::ScriptedEngine* engine = nullptr;
  FakeWorld changing({.config = &config, .engine = [&](hub::ShardId) {
                        auto made = std::make_unique<testing::ScriptedEngine>("e");
                        engine = made.get();
                        return made;
                      }});
  engine->answers = &changing.shard(0).engine_answers();
  FakeLoop its_loop(changing, 0);
  FakeClient client(its_loop, 9);
  client.say(R"([{"op":"subscribe","channel":"a"},{"op":"publish","channel":"a","data":1}])");
  ASSERT_TRUE(changing.settle());
  static_cast<void>(client.host.take_texts());
  engine->change_epoch("f");
  ASSERT_TRUE(changing.settle());
  EXPECT_EQ(client.host.take_texts(), Texts{R"({"op":"gap","channel":"a","conflated":false,"position":"f:1"})"});
  client.say(R"({"op":"publish","channel":"a","data":2,"id":1})");
  ASSERT_TRUE(changing.settle());
  EXPECT_EQ(nlohmann::json::parse(client.host.take_texts().at(0))["position"], "f:2");
}

TEST_F(WebSocketSessionTest, Is_told_timeout_when_the_engine_does_not_answer_and_hears_the_message_when_it_does) {
  testing::ScriptedEngine* engine = nullptr;
  FakeWorld slow({.config = &config, .engine = [&](hub::ShardId) {
                    auto made = std::make_unique<testing::ScriptedEngine>("e");
                    engine = made.get();
                    return made;
                  }});
  engine->answers = &slow.shard(0).engine_answers();
  engine->later = true;
  FakeLoop its_loop(slow, 0);
  FakeClient client(its_loop, 9);
  client.say(R"([{"op":"subscribe","channel":"a"},{"op":"publish","channel":"a","data":1,"id":1}])");
  ASSERT_TRUE(slow.settle());
  static_cast<void>(client.host.take_texts());
  slow.pass(5000);
  ASSERT_TRUE(slow.settle());
  const Texts texts = client.host.take_texts();
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_EQ(nlohmann::json::parse(texts[0])["code"], "timeout");
  engine->store();
  ASSERT_TRUE(slow.settle());
  ASSERT_EQ(client.host.take_texts().size(), 1U);
}

}  // namespace
}  // namespace crier::session
