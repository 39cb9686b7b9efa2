#include "broker/session/http_session.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_host.hpp"

namespace crier::session {
namespace {

using testing::FakeHost;
using testing::FakeLoop;
using testing::FakeWorld;

class HttpSessionTest : public ::testing::Test, private HttpSession::Listener {
 protected:
  HttpSessionTest() {
    config.namespaces["mute"].publish = config::Who::nobody;
    config.namespaces["tiny"].message_bytes_max = 4;
  }
  PostOutcome post(std::string_view body) {
    outcomes.clear();
    goes_on = session.post(body);
    EXPECT_TRUE(world.settle());
    EXPECT_EQ(outcomes.size(), 1U);
    return outcomes.empty() ? PostOutcome{} : outcomes[0];
  }
  void on_outcome(PostOutcome outcome) override { outcomes.push_back(std::move(outcome)); }

  config::Config config;
  FakeWorld world{{.shards = 3, .config = &config}};
  FakeLoop loop{world, 0};
  FakeHost host;
  HttpSession session{loop.environment, host, {1, 2}, *this};
  std::vector<PostOutcome> outcomes;
  bool goes_on = true;  // what the last post said
};

TEST_F(HttpSessionTest, Acknowledges_every_publish_with_id_or_without) {
  const PostOutcome outcome = post(R"({"op":"publish","channel":"a","data":1})");
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.body, R"({"op":"published","channel":"a","position":"e:1"})");
  EXPECT_EQ(outcome.problem_code, "");
}

TEST_F(HttpSessionTest, Answers_an_array_with_an_array_in_command_order) {
  // Three homes, so that the answers come back in another order than the commands'.
  std::string body = "[";
  std::string expected = "[";
  for (int i = 0; i < 9; ++i) {
    const std::string channel = world.channel_at(static_cast<std::size_t>(2 - i % 3));
    body += R"({"op":"publish","channel":")" + channel + R"(","data":1,"id":)" + std::to_string(i) + "},";
    expected += R"({"op":"published","id":)" + std::to_string(i) + R"(,"channel":")" + channel + R"(","position":"e:)" +
                std::to_string(1 + i / 3) + R"("},)";
  }
  const PostOutcome outcome = post(body + R"({"op":"ping","id":9}])");
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.body, expected + R"({"op":"pong","id":9}])");
}

TEST_F(HttpSessionTest, Keeps_the_shape_of_an_array_of_one) {
  EXPECT_EQ(post(R"([{"op":"ping"}])").body, R"([{"op":"pong"}])");
  EXPECT_EQ(post(R"({"op":"ping"})").body, R"({"op":"pong"})");
}

TEST_F(HttpSessionTest, Answers_207_when_any_of_several_failed) {
  const PostOutcome outcome = post(R"([{"op":"ping"},{"op":"publish","channel":"mute:a","data":1}])");
  EXPECT_EQ(outcome.status, 207);
  EXPECT_EQ(outcome.problem_code, "");
  EXPECT_EQ(outcome.body.substr(0, 41), R"([{"op":"pong"},{"op":"error","command":"p)");
  EXPECT_EQ(post(R"({"op":"publish","channels":["a","mute:b"],"data":1})").status, 207);
  EXPECT_EQ(post(R"({"op":"publish","channels":["a","b"],"data":1})").status, 200);
  EXPECT_EQ(post(R"([{"op":"publish","channel":"mute:a","data":1}])").status, 207);
}

TEST_F(HttpSessionTest, Answers_a_single_command_that_failed_with_the_error_s_own_status) {
  const auto expect = [&](std::string_view body, int status, std::string_view code) {
    const PostOutcome outcome = post(body);
    EXPECT_EQ(outcome.status, status) << body;
    EXPECT_EQ(outcome.problem_code, code) << body;
    EXPECT_FALSE(outcome.problem_detail.empty());
    EXPECT_EQ(outcome.body.substr(0, 13), R"({"op":"error")");
    EXPECT_EQ(goes_on, status >= 500) << "a refused request ends its connection";
  };
  expect("nonsense", 400, "bad_request");
  expect("", 400, "bad_request");
  expect(R"({"op":"subscribe","channel":"a"})", 400, "bad_request");
  expect(R"({"op":"subscribe","channel":"a.*"})", 400, "bad_request");
  expect(R"({"op":"unsubscribe","channel":"a"})", 400, "bad_request");
  expect(R"({"op":"auth","token":"a.b.c"})", 400, "bad_request");
  expect(R"({"op":"publish","channel":"mute:a","data":1})", 403, "forbidden");
  expect(R"({"op":"publish","channel":"tiny:a","data":12345})", 413, "too_large");
  EXPECT_EQ(world.subscriptions(), 0);
}

TEST_F(HttpSessionTest, Answers_what_was_and_who_is_there) {
  EXPECT_EQ(post(R"({"op":"history","channel":"a"})").body,
            R"({"op":"history","channel":"a","messages":[],"position":"e:0","more":false})");
  EXPECT_EQ(post(R"({"op":"presence","channel":"a","id":1})").body,
            R"({"op":"presence","id":1,"channel":"a","members":[],"count":0,"more":false})");
}

TEST_F(HttpSessionTest, Goes_on_behind_an_error_that_only_the_hub_could_know_of) {
  const PostOutcome outcome = post(R"({"op":"history","channel":"a","since":"old:1"})");
  EXPECT_EQ(outcome.status, 410);
  EXPECT_EQ(outcome.problem_code, "unrecoverable_position");
  EXPECT_TRUE(goes_on);
}

TEST_F(HttpSessionTest, Takes_a_body_of_CBOR_for_the_same_commands) {
  outcomes.clear();
  EXPECT_TRUE(
      session.post_cbor("\xA2"
                        "bop"
                        "dping"
                        "bid"
                        "\x07"));
  EXPECT_FALSE(
      session.post_cbor("\xA1"
                        "bop"));
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].body, R"({"op":"pong","id":7})");
  EXPECT_EQ(outcomes[1].status, 400);
  EXPECT_EQ(outcomes[1].problem_code, "bad_request");
}

TEST_F(HttpSessionTest, Hands_out_the_outcomes_of_pipelined_requests_in_their_order) {
  EXPECT_TRUE(session.post(R"({"op":"publish","channel":"a","data":1,"id":1})"));
  EXPECT_TRUE(session.post(R"({"op":"ping","id":2})"));
  EXPECT_FALSE(session.post("nonsense"));
  EXPECT_TRUE(outcomes.empty()) << "the first one is still on its way";
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(outcomes[0].body.substr(0, 22), R"({"op":"published","id")");
  EXPECT_EQ(outcomes[1].body, R"({"op":"pong","id":2})");
  EXPECT_EQ(outcomes[2].status, 400);
}

TEST_F(HttpSessionTest, Maps_every_error_code_to_the_contract_s_status) {
  const std::vector<int> expected = {400, 401, 401, 403, 409, 409, 413, 429, 429, 410, 503, 504, 500};
  ASSERT_EQ(expected.size(), error_code_count);
  for (std::size_t code = 0; code < error_code_count; ++code) {
    EXPECT_EQ(http_status(static_cast<ErrorCode>(code)), expected[code]) << to_string(static_cast<ErrorCode>(code));
  }
}

TEST_F(HttpSessionTest, Is_paused_by_what_it_has_on_its_way_like_any_client) {
  config.limits.inflight_bytes_max = 1500;  // held back for company: nothing, what is acknowledged is not
  EXPECT_TRUE(
      session.post(R"({"op":"publish","channels":["a","b","c","d","e","f"],"data":")" + std::string(300, 'x') + "\"}"));
  EXPECT_TRUE(host.paused);
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(host.paused);
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].status, 200);
  EXPECT_EQ(world.published(), 6);
}

TEST(HttpSessionEnd, Leaves_nothing_behind_when_it_ends_with_requests_open) {
  class Nobody final : public HttpSession::Listener {
   public:
    void on_outcome(PostOutcome) override { ADD_FAILURE() << "an outcome for a dead session"; }
  };
  FakeWorld world({.shards = 2});
  FakeLoop loop(world, 0);
  FakeHost host;
  Nobody nobody;
  {
    HttpSession session(loop.environment, host, {1, 2}, nobody);
    EXPECT_TRUE(
        session.post(R"([{"op":"publish","channel":"a","data":1},{"op":"publish","channels":["b","c"],"data":1}])"));
  }
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.published(), 3);
}

}  // namespace
}  // namespace crier::session
