// What a client asks of a channel's past and of who is in it, and what it may not ask.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_host.hpp"

namespace crier::session {
namespace {

using testing::FakeClient;
using testing::FakeLoop;
using testing::FakeWorld;
using Texts = std::vector<std::string>;

class ClientQueryTest : public ::testing::Test {
 protected:
  ClientQueryTest() {
    config.namespaces["deaf"].subscribe = config::Who::nobody;
    config.namespaces["secret"].history_access = config::Access::nobody;
    config.namespaces["secret"].presence_access = config::Access::nobody;
    config.namespaces["secret"].pattern_access = config::Access::nobody;
    config.namespaces["alone"].presence = false;
    config.namespaces["bare"].history.messages = 0;
    config.namespaces["small"].presence_watch_max = 1;
  }
  // What the client hears when it says this, also by catching up.
  Texts say(FakeClient& who, std::string_view text) {
    who.say(text);
    Texts all;
    for (bool more = true; more;) {
      EXPECT_TRUE(world.settle());
      EXPECT_TRUE(who.flush());
      EXPECT_TRUE(world.settle());
      more = who.host.flush_wanted;
      Texts texts = who.host.take_texts();
      std::move(texts.begin(), texts.end(), std::back_inserter(all));
    }
    return all;
  }
  Texts say(std::string_view text) { return say(client, text); }
  nlohmann::json answer(std::string_view text) {
    const Texts replies = say(text);
    EXPECT_EQ(replies.size(), 1U) << text;
    return replies.empty() ? nlohmann::json() : nlohmann::json::parse(replies[0]);
  }
  // "code field" of the error that this brings.
  std::string error(std::string_view text) {
    const nlohmann::json reply = answer(text);
    if (reply.at("op") != "error") return reply.dump();
    EXPECT_EQ(reply.value("id", 0), 1) << text;
    const std::string message = reply.at("message");
    return reply.at("code").get<std::string>().append(": ").append(message);
  }
  // The data of a history reply.
  static std::string data(const nlohmann::json& reply) {
    std::string all;
    for (const nlohmann::json& message : reply.at("messages")) all += message.at("data").dump();
    return all;
  }
  void publish(int first, int last) {
    for (int number = first; number <= last; ++number) {
      std::string text = R"({"op":"publish","channel":"a","data":)";
      say(text.append(std::to_string(number)).append("}"));
    }
  }

  config::Config config;
  FakeWorld world{{.shards = 2, .config = &config}};
  FakeLoop loop{world, 0};
  FakeClient client{loop, 1};
  FakeClient other{loop, 2};
};

// --- history

TEST_F(ClientQueryTest, Reads_a_history_with_positions_and_times) {
  publish(1, 2);
  const nlohmann::json reply = answer(R"({"op":"history","channel":"a","id":1})");
  EXPECT_EQ(reply["op"], "history");
  EXPECT_EQ(reply["id"], 1);
  EXPECT_EQ(reply["position"], "e:2");
  EXPECT_EQ(reply["more"], false);
  EXPECT_FALSE(reply.contains("cursor"));
  EXPECT_EQ(data(reply), "12");
  EXPECT_EQ(reply["messages"][0]["position"], "e:1");
  EXPECT_GT(reply["messages"][0]["time"], 0);
  EXPECT_FALSE(reply["messages"][0].contains("channel"));
}

TEST_F(ClientQueryTest, Reads_a_history_page_by_page_in_both_directions) {
  publish(1, 5);
  for (const bool reverse : {false, true}) {
    std::string all;
    std::string cursor;
    for (int page = 0; page < 3; ++page) {
      std::string command = R"({"op":"history","channel":"a","limit":2)";
      if (reverse) command += R"(,"reverse":true)";
      if (!cursor.empty()) command.append(R"(,"cursor":")").append(cursor).append("\"");
      const nlohmann::json reply = answer(command.append("}"));
      EXPECT_EQ(reply["more"], page < 2);
      EXPECT_EQ(reply.contains("cursor"), page < 2);
      all += data(reply);
      cursor = reply.value("cursor", "");
    }
    EXPECT_EQ(all, reverse ? "54321" : "12345");
  }
}

TEST_F(ClientQueryTest, Reads_what_came_behind_a_position_and_is_told_when_that_cannot_be_known) {
  publish(1, 5);
  EXPECT_EQ(data(answer(R"({"op":"history","channel":"a","since":"e:3"})")), "45");
  EXPECT_EQ(data(answer(R"({"op":"history","channel":"a","since":"e:3","reverse":true})")), "54");
  EXPECT_EQ(error(R"({"op":"history","channel":"a","since":"e:6","id":1})").substr(0, 30),
            "unrecoverable_position: since:");
  EXPECT_EQ(error(R"({"op":"history","channel":"a","since":"f:1","id":1})").substr(0, 30),
            "unrecoverable_position: since:");
  EXPECT_EQ(error(R"({"op":"history","channel":"a","cursor":"f:1","reverse":true,"id":1})").substr(0, 31),
            "unrecoverable_position: cursor:");
  EXPECT_EQ(error(R"({"op":"history","channel":"a","cursor":"nonsense","id":1})").substr(0, 20),
            "bad_request: cursor:");
}

TEST_F(ClientQueryTest, Gets_its_credit_back_with_every_list) {
  config.limits.inflight_bytes_max = 1000;  // less than any list counts
  for (int i = 0; i < 3; ++i) {
    client.say(R"([{"op":"history","channel":"a"},{"op":"presence","channel":"a"},{"op":"ping"}])");
    EXPECT_TRUE(client.host.paused);
    ASSERT_TRUE(world.settle());
    EXPECT_FALSE(client.host.paused);
    EXPECT_EQ(client.host.take_texts().size(), 3U);
  }
}

// --- presence

TEST_F(ClientQueryTest, Lists_members_with_and_without_watching_them) {
  say(other, R"({"op":"subscribe","channel":"a"})");
  const nlohmann::json subscribed = answer(R"({"op":"subscribe","channel":"a","presence":true})");
  ASSERT_EQ(subscribed["members"].size(), 2U);
  const nlohmann::json reply = answer(R"({"op":"presence","channel":"a","id":1})");
  EXPECT_EQ(reply["count"], 2);
  EXPECT_EQ(reply["more"], false);
  EXPECT_EQ(reply["members"], subscribed["members"]);
  EXPECT_EQ(reply["members"][0], (nlohmann::json{{"session", client.id()}}));
  std::string page = R"({"op":"presence","channel":"a","cursor":")";
  EXPECT_EQ(answer(page.append(client.id()).append("\"}"))["members"],
            (nlohmann::json::array({{{"session", other.id()}}})));
  EXPECT_EQ(error(R"({"op":"presence","channel":"a","cursor":"x","id":1})").substr(0, 20), "bad_request: cursor:");
}

TEST_F(ClientQueryTest, Hears_of_those_who_come_and_go_but_not_of_itself) {
  EXPECT_EQ(say(R"({"op":"subscribe","channel":"a","presence":true})").size(), 1U);
  say(other, R"({"op":"subscribe","channel":"a"})");
  say(other, R"({"op":"unsubscribe","channel":"a"})");
  const Texts heard = client.host.take_texts();
  ASSERT_EQ(heard.size(), 2U);
  std::string join = R"({"op":"join","channel":"a","member":{"session":")";
  EXPECT_EQ(heard[0], join.append(other.id()).append("\"}}"));
  EXPECT_EQ(heard[1].substr(0, 26), R"({"op":"leave","channel":"a)");
}

TEST_F(ClientQueryTest, Hears_counts_of_a_crowd) {
  say(R"({"op":"subscribe","channel":"small:a","presence":true})");
  say(other, R"({"op":"subscribe","channel":"small:a"})");
  EXPECT_EQ(client.host.take_texts(), Texts{R"({"op":"presence","channel":"small:a","count":2})"});
  say(other, R"({"op":"unsubscribe","channel":"small:a"})");
  const nlohmann::json list = nlohmann::json::parse(client.host.take_texts().at(0));
  EXPECT_EQ(list["count"], 1);
  EXPECT_EQ(list["members"].size(), 1U);
}

// --- what a namespace keeps to itself

TEST_F(ClientQueryTest, Is_told_which_setting_forbids_what_it_asks_for) {
  const auto expect = [&](const std::string& command, std::string_view why) {
    const std::string text = error(std::string(R"({"id":1,"op":)").append(command).append("}"));
    EXPECT_EQ(text.substr(0, 11 + why.size()), std::string("forbidden: ").append(why)) << command;
  };
  expect(R"("subscribe","channel":"deaf:a")", R"(subscribe = "nobody")");
  expect(R"("subscribe","channel":"deaf:*")", R"(subscribe = "nobody")");
  expect(R"("history","channel":"deaf:a")", R"(subscribe = "nobody")");
  expect(R"("presence","channel":"deaf:a")", R"(subscribe = "nobody")");
  expect(R"("history","channel":"secret:a")", R"(history_access = "nobody")");
  expect(R"("subscribe","channel":"secret:a","since":"e:0")", R"(history_access = "nobody")");
  expect(R"("subscribe","channel":"secret:a","last":1)", R"(history_access = "nobody")");
  expect(R"("presence","channel":"secret:a")", R"(presence_access = "nobody")");
  expect(R"("subscribe","channel":"secret:a","presence":true)", R"(presence_access = "nobody")");
  expect(R"("subscribe","channel":"secret:*")", R"(pattern_access = "nobody")");
  expect(R"("presence","channel":"alone:a")", "presence = false");
  expect(R"("subscribe","channel":"alone:a","presence":true)", "presence = false");
  EXPECT_EQ(world.subscriptions(), 0);
  EXPECT_EQ(answer(R"({"op":"subscribe","channel":"secret:a"})")["op"], "subscribed") << "the rest is allowed";
}

TEST_F(ClientQueryTest, May_not_ask_for_more_last_messages_than_are_kept) {
  EXPECT_EQ(error(R"({"op":"subscribe","channel":"a","last":101,"id":1})").substr(0, 17), "bad_request: last");
  EXPECT_EQ(error(R"({"op":"subscribe","channel":"bare:a","last":1,"id":1})").substr(0, 17), "bad_request: last");
  EXPECT_EQ(answer(R"({"op":"subscribe","channel":"a","last":100})")["op"], "subscribed");
}

// --- subscribing to the past, and to patterns

TEST_F(ClientQueryTest, Continues_where_it_was_and_is_told_whether_it_could) {
  publish(1, 3);
  const Texts continued = say(R"({"op":"subscribe","channel":"a","since":"e:1","id":1})");
  ASSERT_EQ(continued.size(), 3U);
  EXPECT_EQ(continued[0], R"({"op":"subscribed","id":1,"channel":"a","position":"e:1","recovered":true,"replayed":2})");
  EXPECT_EQ(continued[1].substr(0, 53), R"({"op":"message","channel":"a","data":2,"position":"e:)");
  say(R"({"op":"unsubscribe","channel":"a"})");
  EXPECT_EQ(say(R"({"op":"subscribe","channel":"a","since":"f:1"})"),
            Texts{R"({"op":"subscribed","channel":"a","position":"e:3","recovered":false,"replayed":0})"});
  EXPECT_EQ(say(R"({"op":"subscribe","channel":"bare:a","since":"e:1"})"),
            Texts{R"({"op":"subscribed","channel":"bare:a","recovered":false,"replayed":0})"});
}

TEST_F(ClientQueryTest, Hears_a_channel_by_its_name_and_by_a_pattern_each_for_itself) {
  EXPECT_EQ(say(R"({"op":"subscribe","channel":"chat.*","id":1})"),
            Texts{R"({"op":"subscribed","id":1,"channel":"chat.*"})"});
  say(R"({"op":"subscribe","channel":"chat.a"})");
  const Texts heard = say(R"({"op":"publish","channel":"chat.a","data":1})");
  ASSERT_EQ(heard.size(), 2U);
  const std::size_t by_pattern = heard[0].find("pattern") != std::string::npos ? 0 : 1;
  EXPECT_EQ(nlohmann::json::parse(heard[by_pattern])["pattern"], "chat.*");
  EXPECT_FALSE(nlohmann::json::parse(heard[1 - by_pattern]).contains("pattern"));
  EXPECT_EQ(answer(R"({"op":"presence","channel":"chat.a"})")["count"], 1) << "patterns are no members";
  EXPECT_EQ(say(R"({"op":"unsubscribe","channel":"chat.*","id":2})"),
            Texts{R"({"op":"unsubscribed","id":2,"channel":"chat.*"})"});
  EXPECT_EQ(say(R"({"op":"publish","channel":"chat.a","data":1})").size(), 1U);
}

TEST_F(ClientQueryTest, May_end_a_pattern_before_it_is_live) {
  const Texts replies =
      say(R"([{"op":"subscribe","channel":"chat.*","id":1},{"op":"unsubscribe","channel":"chat.*","id":2}])");
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(replies[0])["code"], "not_subscribed");
  EXPECT_EQ(replies[1], R"({"op":"unsubscribed","id":2,"channel":"chat.*"})");
  EXPECT_EQ(say(R"({"op":"publish","channel":"chat.a","data":1})"), Texts{});
  EXPECT_EQ(world.subscriptions(), 0);
  for (int i = 0; i < 200; ++i)
    say(R"([{"op":"subscribe","channel":"chat.*"},{"op":"unsubscribe","channel":"chat.*"}])");
  EXPECT_FALSE(client.host.paused) << "all credit has come back";
}

TEST_F(ClientQueryTest, Gets_limit_exceeded_for_a_pattern_that_is_too_long_to_match) {
  std::string pattern = "a";
  for (int i = 0; i < 120; ++i) pattern += ".*";
  std::string command = R"({"op":"subscribe","id":1,"channel":")";
  EXPECT_EQ(error(command.append(pattern).append("\"}")).substr(0, 14), "limit_exceeded");
}

// --- what a publish says beside its data

TEST_F(ClientQueryTest, Publishes_once_whatever_it_repeats_with_the_same_key) {
  say(R"({"op":"subscribe","channel":"a"})");
  EXPECT_EQ(say(R"({"op":"publish","channel":"a","data":1,"key":"k","id":"x"})").size(), 2U);
  EXPECT_EQ(say(R"({"op":"publish","channel":"a","data":1,"key":"k","id":"y"})"),
            Texts{R"({"op":"published","id":"y","channel":"a","position":"e:1"})"});
  EXPECT_EQ(say(R"({"op":"publish","channel":"a","data":1,"key":"k"})"), Texts{});
  EXPECT_EQ(say(other, R"({"op":"publish","channel":"a","data":1,"key":"k","id":2})"),
            Texts{R"({"op":"published","id":2,"channel":"a","position":"e:1"})"})
      << "all who are anonymous share their keys";
  EXPECT_EQ(world.published(), 1);
}

TEST_F(ClientQueryTest, Publishes_a_keyed_broadcast_once_to_each_of_its_channels) {
  for (int i = 0; i < 2; ++i) {
    const nlohmann::json reply = answer(R"({"op":"publish","channels":["a","bare:b"],"data":1,"key":"k","id":1})");
    EXPECT_EQ(reply["results"][0]["position"], "e:1");
    EXPECT_FALSE(reply["results"][1].contains("position"));
    EXPECT_FALSE(reply["results"][1].contains("code"));
  }
  EXPECT_EQ(world.published(), 2);
}

TEST_F(ClientQueryTest, Publishes_what_its_history_forgets_after_its_own_time) {
  say(R"({"op":"publish","channel":"a","data":1,"ttl":1})");
  say(R"({"op":"publish","channel":"a","data":2})");
  EXPECT_EQ(data(answer(R"({"op":"history","channel":"a"})")), "12");
  world.pass(1100);
  EXPECT_EQ(data(answer(R"({"op":"history","channel":"a"})")), "2");
}

TEST_F(ClientQueryTest, Publishes_bytes_as_they_are) {
  say(R"({"op":"publish","channel":"a","data":"AAECAw==","encoding":"base64"})");
  const nlohmann::json message = answer(R"({"op":"history","channel":"a"})")["messages"][0];
  EXPECT_EQ(message["data"], "AAECAw==");
  EXPECT_EQ(message["encoding"], "base64");
}

// --- an engine that refuses

TEST(ClientErrors, Are_told_of_a_publish_without_an_id_and_stand_in_a_broadcast_s_results) {
  config::Config config;
  config.limits.channels_max = 1;
  FakeWorld world({.channels_max = 1, .config = &config});
  FakeLoop loop(world, 0);
  FakeClient client(loop, 1);
  const auto say = [&](std::string_view text) {
    client.say(text);
    EXPECT_TRUE(world.settle());
    return client.host.take_texts();
  };
  say(R"({"op":"subscribe","channel":"a"})");
  const Texts error = say(R"({"op":"publish","channel":"b","data":1})");
  ASSERT_EQ(error.size(), 1U);
  EXPECT_EQ(nlohmann::json::parse(error[0])["code"], "limit_exceeded");
  EXPECT_EQ(nlohmann::json::parse(error[0])["channel"], "b");
  const Texts broadcast = say(R"({"op":"publish","channels":["b","a","c"],"data":1,"echo":false,"id":1})");
  ASSERT_EQ(broadcast.size(), 1U);
  const nlohmann::json results = nlohmann::json::parse(broadcast[0])["results"];
  EXPECT_EQ(results[0]["code"], "limit_exceeded");
  EXPECT_EQ(results[1]["position"], "e:1");
  EXPECT_EQ(results[2]["code"], "limit_exceeded");
  EXPECT_FALSE(client.host.paused);
}

}  // namespace
}  // namespace crier::session
