#include "broker/session/websocket_session.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "broker/config/version.hpp"
#include "tests/support/fake_host.hpp"

namespace crier::session {
namespace {

using testing::FakeClient;
using testing::FakeLoop;
using testing::FakeWorld;
using Texts = std::vector<std::string>;

class WebSocketSessionTest : public ::testing::Test {
 protected:
  config::Config config;
  FakeWorld world{{}};
  FakeLoop loop{world, 0, config};
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

}  // namespace
}  // namespace crier::session
