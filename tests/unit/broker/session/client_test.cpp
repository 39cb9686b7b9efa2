// What a client's commands come to: every reply and every error code that this version gives.
#include "broker/session/client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/fake_host.hpp"

namespace crier::session {
namespace {

using testing::FakeClient;
using testing::FakeLoop;
using testing::FakeWorld;
using Texts = std::vector<std::string>;

class ClientTest : public ::testing::Test {
 protected:
  explicit ClientTest(std::size_t inflight_bytes_max = 1024 * 1024)
      : world({.shards = 2, .inflight_bytes_max = inflight_bytes_max, .config = &config}) {
    config.limits.channels_per_connection_max = 3;
    config.namespaces["mute"].publish = config::Who::nobody;
    config.namespaces["deaf"].subscribe = config::Who::nobody;
    config.namespaces["tiny"].message_bytes_max = 8;
  }
  // What the client hears when it says this and the world comes to rest.
  Texts say(FakeClient& who, std::string_view text) {
    who.say(text);
    EXPECT_TRUE(world.settle());
    return who.host.take_texts();
  }
  Texts say(std::string_view text) { return say(client, text); }
  // The one error that this brings: "code field command channel id".
  std::string error(std::string_view text) {
    const Texts replies = say(text);
    if (replies.size() != 1) return std::to_string(replies.size()) + " replies";
    const nlohmann::json reply = nlohmann::json::parse(replies[0]);
    if (reply.at("op") != "error") return replies[0];
    EXPECT_FALSE(reply.at("message").get<std::string>().empty());
    return reply.at("code").get<std::string>() + " " + reply.value("command", "-") + " " + reply.value("channel", "-") +
           " " + (reply.contains("id") ? reply["id"].dump() : "-");
  }

  config::Config config;
  FakeWorld world;
  FakeLoop loop{world, 0};
  FakeClient client{loop, 1};
  FakeClient other{loop, 2};
};

TEST_F(ClientTest, Subscribes_hears_and_unsubscribes) {
  EXPECT_EQ(say(R"({"op":"subscribe","channel":"a","id":1})"),
            Texts{R"({"op":"subscribed","id":1,"channel":"a","position":"e:0","replayed":0})"});
  EXPECT_EQ(say(R"({"op":"publish","channel":"a","data":{"x":1.0}})").size(), 1U);
  const Texts echoed = say(R"({"op":"publish","channel":"a","data":"y","id":"p"})");
  ASSERT_EQ(echoed.size(), 2U);
  EXPECT_TRUE(std::find(echoed.begin(), echoed.end(),
                        R"({"op":"published","id":"p","channel":"a","position":"e:2"})") != echoed.end());
  EXPECT_EQ(say(R"({"op":"unsubscribe","channel":"a","id":2})"),
            Texts{R"({"op":"unsubscribed","id":2,"channel":"a"})"});
  EXPECT_EQ(say(R"({"op":"publish","channel":"a","data":1})"), Texts{});
  EXPECT_EQ(world.channels(), 0);
}

TEST_F(ClientTest, Answers_a_ping_with_its_id) {
  EXPECT_EQ(say(R"({"op":"ping","id":"x"})"), Texts{R"({"op":"pong","id":"x"})"});
  EXPECT_EQ(say(R"({"op":"ping"})"), Texts{R"({"op":"pong"})"});
}

TEST_F(ClientTest, Runs_an_array_s_commands_in_order_with_one_message_for_each_reply) {
  EXPECT_EQ(say(R"([{"op":"ping","id":1},{"op":"unsubscribe","channel":"a","id":2},{"op":"ping","id":3}])").size(), 3U);
}

TEST_F(ClientTest, Gets_bad_request_for_what_is_no_command_and_none_of_the_message_runs) {
  EXPECT_EQ(error("{"), "bad_request - - -");
  EXPECT_EQ(error(R"({"op":"publish","channel":"a b","data":1,"id":5})"), "bad_request publish - 5");
  EXPECT_EQ(error(R"([{"op":"subscribe","channel":"a"},{"op":"nonsense","id":6}])").substr(0, 11), "bad_request");
  EXPECT_EQ(world.subscriptions(), 0);
}

TEST_F(ClientTest, Gets_already_subscribed_while_the_first_is_live_or_pending) {
  client.say(R"([{"op":"subscribe","channel":"a"},{"op":"subscribe","channel":"a","id":2}])");
  EXPECT_EQ(client.host.take_texts().size(), 1U) << "refused at once, while the first is pending";
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(client.host.take_texts().size(), 1U);
  EXPECT_EQ(error(R"({"op":"subscribe","channel":"a","id":3})"), "already_subscribed subscribe a 3");
  EXPECT_EQ(world.subscriptions(), 1);
}

TEST_F(ClientTest, Gets_not_subscribed_where_it_is_not) {
  EXPECT_EQ(error(R"({"op":"unsubscribe","channel":"a","id":1})"), "not_subscribed unsubscribe a 1");
}

TEST_F(ClientTest, Is_told_of_a_subscription_that_it_ended_before_it_was_live) {
  const Texts replies = say(R"([{"op":"subscribe","channel":"a","id":1},{"op":"unsubscribe","channel":"a","id":2},)"
                            R"({"op":"subscribe","channel":"a","id":3}])");
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_EQ(nlohmann::json::parse(replies[0])["id"], 1);
  EXPECT_EQ(nlohmann::json::parse(replies[0])["code"], "not_subscribed");
  EXPECT_EQ(replies[1], R"({"op":"unsubscribed","id":2,"channel":"a"})");
  EXPECT_EQ(replies[2], R"({"op":"subscribed","id":3,"channel":"a","position":"e:0","replayed":0})");
  EXPECT_EQ(say(R"({"op":"publish","channel":"a","data":1})").size(), 1U);
  EXPECT_EQ(world.channels(), 1);
}

TEST_F(ClientTest, Gets_limit_exceeded_over_its_own_limit_and_over_the_broker_s) {
  for (const char* channel : {"a", "b", "c"}) say(R"({"op":"subscribe","channel":")" + std::string(channel) + "\"}");
  EXPECT_EQ(error(R"({"op":"subscribe","channel":"d"})"), "limit_exceeded subscribe d -");
  say(R"({"op":"unsubscribe","channel":"b"})");
  EXPECT_EQ(say(R"({"op":"subscribe","channel":"d"})").size(), 1U);

  FakeWorld full({.channels_max = 1, .config = &config});
  FakeLoop full_loop(full, 0);
  FakeClient late(full_loop, 1);
  late.say(R"([{"op":"subscribe","channel":"a"},{"op":"subscribe","channel":"b","id":2}])");
  ASSERT_TRUE(full.settle());
  const Texts replies = late.host.take_texts();
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(replies[1])["code"], "limit_exceeded");
  EXPECT_EQ(full.subscriptions(), 1);
}

TEST_F(ClientTest, Gets_forbidden_where_the_namespace_lets_nobody) {
  EXPECT_EQ(error(R"({"op":"publish","channel":"mute:a","data":1,"id":1})"), "forbidden publish mute:a 1");
  EXPECT_EQ(error(R"({"op":"publish","channel":"mute:a","data":1})"), "forbidden publish mute:a -");
  EXPECT_EQ(error(R"({"op":"subscribe","channel":"deaf:a"})"), "forbidden subscribe deaf:a -");
  EXPECT_EQ(world.published(), 0);
}

TEST_F(ClientTest, Gets_too_large_for_data_over_its_namespace_s_limit_to_the_byte) {
  EXPECT_EQ(error(R"({"op":"publish","channel":"tiny:a","data":"1234567"})"), "too_large publish tiny:a -");
  EXPECT_EQ(say(R"({"op":"publish","channel":"tiny:a","data":"123456","id":1})")[0],
            R"({"op":"published","id":1,"channel":"tiny:a","position":"e:1"})");
}

TEST_F(ClientTest, Hears_no_echo_that_it_does_not_want_and_keeps_it_from_whom_it_names) {
  for (FakeClient* one : {&client, &other}) say(*one, R"({"op":"subscribe","channel":"a"})");
  EXPECT_EQ(say(R"({"op":"publish","channel":"a","data":1,"echo":false})"), Texts{});
  EXPECT_EQ(other.host.take_texts().size(), 1U);
  EXPECT_EQ(say(R"({"op":"publish","channel":"a","data":2,"exclude":")" + other.id() + "\"}").size(), 1U);
  EXPECT_EQ(other.host.take_texts(), Texts{});
  EXPECT_EQ(say(R"({"op":"publish","channel":"a","data":3,"exclude":"nobody"})").size(), 1U);
  EXPECT_EQ(other.host.take_texts().size(), 1U);
}

TEST_F(ClientTest, Gets_one_answer_for_a_broadcast_with_each_channel_s_result_in_their_order) {
  const Texts replies = say(R"({"op":"publish","channels":["a","mute:b","tiny:c","d"],"data":"12345678","id":1})");
  ASSERT_EQ(replies.size(), 1U);
  const nlohmann::json results = nlohmann::json::parse(replies[0])["results"];
  ASSERT_EQ(results.size(), 4U) << replies[0];
  EXPECT_EQ(results[0]["channel"], "a");
  EXPECT_TRUE(results[0].contains("position"));
  EXPECT_EQ(results[1]["code"], "forbidden");
  EXPECT_EQ(results[2]["code"], "too_large");
  EXPECT_TRUE(results[3].contains("position"));
  EXPECT_EQ(world.published(), 2);
}

TEST_F(ClientTest, Hears_of_a_broadcast_without_id_one_error_if_any) {
  EXPECT_EQ(error(R"({"op":"publish","channels":["a","mute:b","c"],"data":1})"), "forbidden publish mute:b -");
  EXPECT_EQ(error(R"({"op":"publish","channels":["mute:a","mute:b","c"],"data":1})"), "forbidden publish mute:a -");
  EXPECT_EQ(say(R"({"op":"publish","channels":["a","c"],"data":1})"), Texts{});
}

TEST_F(ClientTest, Answers_a_broadcast_that_is_refused_everywhere_at_once) {
  client.say(R"({"op":"publish","channels":["mute:a","mute:b"],"data":1,"id":1})");
  EXPECT_EQ(client.host.take_texts().size(), 1U);
}

TEST_F(ClientTest, Counts_each_command_by_op_and_outcome) {
  say(R"([{"op":"ping"},{"op":"subscribe","channel":"a"},)"
      R"({"op":"subscribe","channel":"a"},{"op":"history","channel":"a"},{"op":"channels"}])");
  say("?");
  const auto count = [&](command::Op op, std::size_t outcome) {
    return world.metrics(0).commands[static_cast<std::size_t>(op)].value(outcome);
  };
  EXPECT_EQ(count(command::Op::ping, 0), 1U);
  EXPECT_EQ(count(command::Op::subscribe, 0), 1U);
  EXPECT_EQ(count(command::Op::subscribe, 5), 1U);
  EXPECT_EQ(count(command::Op::history, 0), 1U);
  EXPECT_EQ(count(command::Op::channels, 2), 1U) << "unauthorized";
  EXPECT_EQ(world.metrics(0).commands.back().value(1), 1U);
}

class PausedClientTest : public ClientTest {
 protected:
  PausedClientTest() : ClientTest(1000) { config.limits.inflight_bytes_max = 1000; }
};

TEST_F(PausedClientTest, Is_read_no_further_while_too_much_of_its_own_is_on_its_way_and_again_when_it_arrived) {
  const std::string publish = R"({"op":"publish","channel":"a","data":")" + std::string(300, 'x') + "\"}";
  client.say(publish);
  EXPECT_FALSE(client.host.paused);
  int said = 1;
  for (; !client.host.paused; ++said) client.say(publish);
  EXPECT_LE(said, 3);
  EXPECT_EQ(client.host.pauses, 1);
  EXPECT_FALSE(other.host.paused);
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(client.host.paused);
  EXPECT_EQ(world.published(), said);
}

TEST_F(PausedClientTest, Goes_on_with_an_array_where_it_stopped_and_never_has_more_on_its_way_than_it_may) {
  // About 500 bytes each, so that no more than three go at once.
  std::string array = "[";
  for (int i = 0; i < 20; ++i) {
    array +=
        R"({"op":"publish","channel":"a","data":")" + std::string(300, 'x') + R"(","id":)" + std::to_string(i) + "},";
  }
  client.say(array + R"({"op":"ping","id":20}])");
  EXPECT_TRUE(client.host.paused);
  EXPECT_EQ(client.host.take_texts(), Texts{}) << "the ping waits for its turn";
  world.turn_alone(0);
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(client.host.paused);
  EXPECT_GE(client.host.pauses, 6);
  EXPECT_EQ(world.published(), 20);
  const Texts replies = client.host.take_texts();
  ASSERT_EQ(replies.size(), 21U);
  for (int i = 0, published = 0; i < 21; ++i) {
    const nlohmann::json reply = nlohmann::json::parse(replies[static_cast<std::size_t>(i)]);
    if (reply["op"] != "published") continue;
    EXPECT_EQ(reply["id"], published++);
  }
}

TEST_F(PausedClientTest, Goes_on_with_a_broadcast_between_two_of_its_channels) {
  std::string channels;
  for (int i = 0; i < 50; ++i)
    channels += "\"c" + std::to_string(i) + (i % 10 == 9 ? "\",\"mute:" + std::to_string(i) + "\"," : "\",");
  channels.pop_back();
  for (const bool acknowledged : {true, false}) {
    client.say(R"([{"op":"publish","channels":[)" + channels + R"(],"data":")" + std::string(300, 'x') + "\"" +
               (acknowledged ? R"(,"id":1)" : "") + R"(},{"op":"ping","id":2}])");
    EXPECT_TRUE(client.host.paused);
    ASSERT_TRUE(world.settle());
    EXPECT_FALSE(client.host.paused);
    const Texts replies = client.host.take_texts();
    if (!acknowledged) {
      ASSERT_EQ(replies.size(), 2U) << "one error for all, and a pong";
      const nlohmann::json error = nlohmann::json::parse(replies[0]);
      EXPECT_EQ(error["channel"], "mute:9");
      EXPECT_NE(error["message"].get<std::string>().find("4 more channels"), std::string::npos) << replies[0];
      EXPECT_EQ(replies.back(), R"({"op":"pong","id":2})");
      continue;
    }
    ASSERT_EQ(replies.size(), 2U);
    const std::size_t pong = replies[0].starts_with(R"({"op":"pong")") ? 0 : 1;
    const nlohmann::json results = nlohmann::json::parse(replies[1 - pong])["results"];
    ASSERT_EQ(results.size(), 55U);
    for (const nlohmann::json& result : results) {
      EXPECT_EQ(result.contains("position"), !result["channel"].get<std::string>().starts_with("mute:")) << result;
    }
  }
  EXPECT_EQ(world.published(), 100);
}

TEST_F(PausedClientTest, Counts_what_it_subscribes_to_until_the_answers_come) {
  std::string array = "[";
  for (int i = 0; i < 3; ++i) array += R"({"op":"subscribe","channel":"c)" + std::to_string(i) + "\"},";
  array.back() = ']';
  client.say(array);
  EXPECT_TRUE(client.host.paused);
  EXPECT_EQ(world.subscriptions(), 2);
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(client.host.paused);
  EXPECT_EQ(client.host.take_texts().size(), 3U);
  EXPECT_EQ(world.subscriptions(), 3);
}

TEST_F(PausedClientTest, May_die_while_it_is_paused_with_answers_under_way) {
  say(R"({"op":"subscribe","channel":"a"})");
  client.say(R"([{"op":"subscribe","channel":"b"},{"op":"publish","channels":["a","b","c"],"data":")" +
             std::string(900, 'x') + R"(","id":1}])");
  EXPECT_TRUE(client.host.paused);
  client.die();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.published(), 1) << "what it had not sent yet dies with it";
  EXPECT_EQ(world.channels(), 0);
  EXPECT_EQ(world.subscriptions(), 0);
}

}  // namespace
}  // namespace crier::session
