// How fast a client may speak, and how fast a channel may be spoken in.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_host.hpp"

namespace crier::session {
namespace {

using nlohmann::json;
using testing::FakeClient;
using testing::FakeHost;
using testing::FakeLoop;
using testing::FakeWorld;
using Texts = std::vector<std::string>;

class ClientRateTest : public ::testing::Test, public HttpSession::Listener {
 protected:
  ClientRateTest() {
    config.limits.commands_per_second_max = 5;
    config.namespaces["slow"].rate = 2;
    loop.environment.steady_ms = 1'000'000;
  }
  Texts say(std::string_view text) {
    client.say(text);
    EXPECT_TRUE(world.settle());
    return client.host.take_texts();
  }
  static std::string array_of(int count, const std::string& command) {
    std::string text = "[";
    for (int i = 0; i < count; ++i) text.append(i > 0 ? "," : "").append(command);
    return text + "]";
  }
  // How many pings of so many were answered with pongs; the others were refused.
  int pongs(int count) {
    int all = 0;
    for (const std::string& text : say(array_of(count, R"({"op":"ping"})"))) {
      const json reply = json::parse(text);
      if (reply["op"] == "pong")
        ++all;
      else
        EXPECT_EQ(reply["code"], "rate_limited");
    }
    return all;
  }
  void pass(std::int64_t ms) { loop.environment.steady_ms += ms; }
  void on_outcome(PostOutcome outcome) override { outcomes.push_back(std::move(outcome)); }

  config::Config config;
  FakeWorld world{{.shards = 2, .config = &config}};
  FakeLoop loop{world, 0};
  FakeClient client{loop, 1};
  std::vector<PostOutcome> outcomes;
};

TEST_F(ClientRateTest, Runs_twice_the_limit_at_once_and_refuses_each_item_beyond_with_a_retry_after) {
  EXPECT_EQ(pongs(12), 10);
  pass(1000);
  EXPECT_EQ(pongs(12), 5);
  const json refusal = json::parse(say(R"({"op":"subscribe","channel":"a","id":"x"})").at(0));
  EXPECT_EQ(refusal["op"], "error");
  EXPECT_EQ(refusal["id"], "x");
  EXPECT_EQ(refusal["command"], "subscribe");
  EXPECT_EQ(refusal["code"], "rate_limited");
  EXPECT_EQ(refusal["retry_after"], 1);
  EXPECT_EQ(world.subscriptions(), 0);
}

TEST_F(ClientRateTest, Counts_a_broadcast_once_though_it_had_to_stop) {
  config.limits.inflight_bytes_max = 1000;
  std::string channels = "\"a\"";
  for (int i = 0; i < 30; ++i) channels += ",\"b" + std::to_string(i) + "\"";
  EXPECT_EQ(say(R"({"op":"publish","channels":[)" + channels + R"(],"data":1,"id":1})").size(), 1U);
  EXPECT_GT(client.host.pauses, 1);
  EXPECT_EQ(pongs(12), 9);
}

TEST_F(ClientRateTest, Closes_who_is_over_it_for_ten_seconds_without_a_pause) {
  for (int second = 0; second < 10; ++second) {
    pongs(50);
    EXPECT_EQ(client.session().verdict(), nullptr) << second;
    pass(1000);
  }
  pongs(50);
  ASSERT_NE(client.session().verdict(), nullptr);
  EXPECT_EQ(client.session().verdict()->code, websocket::CloseCode::rate_limited);
}

TEST_F(ClientRateTest, Lets_who_pauses_go_on) {
  for (int i = 0; i < 10; ++i) {
    pongs(50);
    pass(3000);
  }
  EXPECT_EQ(client.session().verdict(), nullptr);
}

TEST_F(ClientRateTest, Answers_posts_over_it_with_429_and_closes_none) {
  FakeHost host;
  HttpSession http(loop.environment, host, {7, 7}, *this);
  for (int second = 0; second < 15; ++second, pass(1000)) {
    for (int i = 0; i < 20; ++i) static_cast<void>(http.post(R"({"op":"ping"})"));
  }
  ASSERT_EQ(outcomes.size(), 300U);
  EXPECT_EQ(outcomes[0].status, 200);
  EXPECT_EQ(outcomes[19].status, 429);
  EXPECT_EQ(outcomes[280].status, 200) << "in the last second";
}

TEST_F(ClientRateTest, Sets_no_limit_by_default_or_after_a_reload_without_one) {
  EXPECT_EQ(pongs(20), 10);
  config.limits.commands_per_second_max = 0;
  EXPECT_EQ(pongs(500), 500);
}

TEST_F(ClientRateTest, Hears_of_a_channel_that_is_too_fast_with_an_id_and_without) {
  config.limits.commands_per_second_max = 0;
  EXPECT_EQ(say(array_of(4, R"({"op":"publish","channel":"slow:a","data":1})")), Texts{});
  for (const std::string id : {R"(,"id":1)", ""}) {
    const Texts all = say(R"({"op":"publish","channel":"slow:a","data":1)" + id + "}");
    ASSERT_EQ(all.size(), 1U) << id;
    const json refusal = json::parse(all[0]);
    EXPECT_EQ(refusal["code"], "rate_limited");
    EXPECT_EQ(refusal["channel"], "slow:a");
    EXPECT_EQ(refusal["retry_after"], 1);
  }
  const json broadcast = json::parse(say(R"({"op":"publish","channels":["slow:a","slow:b"],"data":1,"id":2})").at(0));
  EXPECT_EQ(broadcast["results"][0]["code"], "rate_limited");
  EXPECT_TRUE(broadcast["results"][1].contains("position"));
  EXPECT_EQ(client.session().verdict(), nullptr);
}

}  // namespace
}  // namespace crier::session
