// The life of a client's connection: when it is made again, and when it is the end.
#include "tests/unit/clients/cpp/core_fixture.hpp"

namespace crier::client {
namespace {

TEST_F(CoreTest, Waits_longer_and_longer_with_full_jitter_and_never_longer_than_max) {
  Options options;
  options.backoff = {milliseconds(500), milliseconds(20'000)};
  make(options);
  core->start();
  port.run();
  port.chance = 499;
  std::vector<milliseconds::rep> waits;
  for (int i = 0; i < 8; ++i) {
    port.lose(end_unreachable({}, "refused"));
    waits.push_back(states.back().retry_in.count());
    EXPECT_EQ(states.back().state, State::waiting);
    EXPECT_EQ(states.back().error->code, ErrorCode::unreachable);
    port.wait_for_wish();
  }
  EXPECT_EQ(waits, (std::vector<milliseconds::rep>{499, 499, 499, 499, 499, 499, 499, 499}));
  port.chance = 19'999;
  port.lose(end_unreachable({}, "refused"));
  EXPECT_EQ(states.back().retry_in.count(), 19'999);
  port.wait_for_wish();
  port.chance = 20'000;
  port.lose(end_unreachable({}, "refused"));
  EXPECT_EQ(states.back().retry_in.count(), 20'000);
  port.wait_for_wish();
  port.chance = 20'001;
  port.lose(end_unreachable({}, "refused"));
  EXPECT_EQ(states.back().retry_in.count(), 0);
}

TEST_F(CoreTest, Begins_with_short_waits_again_after_a_connection_that_lasted) {
  make();
  connect();
  port.chance = 501;
  port.lose();
  EXPECT_EQ(states.back().retry_in.count(), 0);  // 501 modulo 501
  port.wait_for_wish();
  port.welcome();
  port.lose();
  EXPECT_EQ(states.back().retry_in.count(), 501);  // the second in a row: up to 1000
  port.wait_for_wish();
  port.welcome();
  port.pass(seconds(6));
  port.lose();
  EXPECT_EQ(states.back().retry_in.count(), 0);
}

TEST_F(CoreTest, Comes_back_at_once_from_a_drain_and_not_before_Retry_After) {
  make();
  connect();
  port.chance = 77;
  port.say(R"({"op":"drain","reconnect_in":100})");
  EXPECT_EQ(core->state(), State::connected);
  port.lose(end_by_close(websocket::CloseCode::service_restart, ""));
  EXPECT_EQ(states[2].state, State::waiting);
  EXPECT_EQ(states[2].retry_in.count(), 0);
  port.wait_for_wish();
  EXPECT_EQ(core->state(), State::connecting);
  port.lose(end_by_refusal({}, {503, 3, "", "the broker stops"}));
  EXPECT_EQ(states.back().retry_in.count(), 3077);
  EXPECT_EQ(states.back().error->http_status, 503);
}

TEST_F(CoreTest, Backs_off_from_a_broker_that_drains_whoever_comes) {
  make();
  connect();
  port.chance = 77;
  for (const int expected : {0, 77, 77}) {
    port.say(R"({"op":"drain","reconnect_in":0})");
    port.lose(end_by_close(websocket::CloseCode::service_restart, ""));
    EXPECT_EQ(states.back().retry_in.count(), expected);
    port.wait_for_wish();
    port.welcome();
  }
}

TEST_F(CoreTest, Ends_for_good_where_trying_again_cannot_help_and_tells_everybody) {
  make();
  connect();
  publish("1");
  port.run();
  publish("2");
  Error ended;
  ASSERT_TRUE(core->subscribe("a", {}, {.on_ended = [&](const Error& error) { ended = error; }}));
  port.lose(end_by_close(websocket::CloseCode::disconnected, "by an operator"));
  EXPECT_EQ(core->state(), State::closed);
  EXPECT_EQ(states.back().error->close_code, 4003);
  EXPECT_EQ(ended.close_code, 4003);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].error().code, ErrorCode::connection_lost);
  EXPECT_EQ(core->publish({.channel = "a", .data = "1"}, keep()).error().code, ErrorCode::closed);
  EXPECT_EQ(core->subscribe("a", {}, {}).error().code, ErrorCode::closed);
}

TEST_F(CoreTest, Takes_what_never_worked_for_a_mistake_and_the_same_for_a_disturbance_later) {
  make();
  core->start();
  port.run();
  port.lose(end_by_fault({}, {"is no HTTP/1.1"}));
  EXPECT_EQ(core->state(), State::closed);
  EXPECT_EQ(states.back().error->code, ErrorCode::not_crier);

  make();
  connect();
  port.lose();
  port.wait_for_wish();
  port.lose(end_by_tls({}, "the certificate has expired"));
  EXPECT_EQ(core->state(), State::waiting);
}

TEST_F(CoreTest, Takes_nothing_for_a_broker_that_does_not_begin_with_welcome) {
  make();
  core->start();
  port.run();
  port.say(R"({"op":"pong"})");
  EXPECT_EQ(core->state(), State::closed);
  EXPECT_EQ(states.back().error->code, ErrorCode::not_crier);
  EXPECT_FALSE(port.linked);

  make();
  core->start();
  port.run();
  port.say("hello");
  EXPECT_EQ(states.back().error->code, ErrorCode::not_crier);
}

TEST_F(CoreTest, Cuts_an_attempt_that_leads_to_no_welcome_in_time) {
  make();
  core->start();
  port.run();
  port.chance = 1;
  port.pass(seconds(9));
  EXPECT_TRUE(port.linked);
  port.pass(seconds(1));
  EXPECT_FALSE(port.linked);
  EXPECT_EQ(states.back().error->code, ErrorCode::unreachable);
  EXPECT_EQ(core->state(), State::waiting);
}

TEST_F(CoreTest, Tells_at_the_end_of_an_attempt_what_an_unfinished_answer_of_HTTP_said) {
  make();
  core->start();
  port.run();
  port.refused = end_by_refusal({}, {404, std::nullopt, "", ""});
  port.pass(seconds(10));
  EXPECT_EQ(core->state(), State::closed);
  EXPECT_EQ(states.back().error->http_status, 404);
}

TEST_F(CoreTest, Hears_first_what_came_while_the_process_stood_still) {
  make();
  connect();
  publish("1");
  publish("2");
  port.run();
  port.wait_for_wish();
  EXPECT_EQ(port.take_sent().back(), R"({"op":"ping"})");
  port.stand_still(std::chrono::minutes(5));
  port.wait_for_wish();
  EXPECT_TRUE(port.linked);
  EXPECT_TRUE(results.empty());
  port.say(R"({"op":"published","id":1,"channel":"news"})");
  EXPECT_GT(*port.wanted_time, port.time) << "there may be more to hear";
  port.say(R"({"op":"published","id":2,"channel":"news"})");
  port.say(R"({"op":"pong"})");
  port.wait_for_wish();
  EXPECT_TRUE(port.linked);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_TRUE(results[0] && results[1]);
}

TEST_F(CoreTest, Holds_silence_against_the_link_after_it_stood_still_and_heard_nothing) {
  make();
  connect();
  port.wait_for_wish();
  port.stand_still(std::chrono::minutes(5));
  port.wait_for_wish();
  EXPECT_TRUE(port.linked);
  port.chance = 1;
  port.wait_for_wish();
  EXPECT_FALSE(port.linked);
}

TEST_F(CoreTest, Pings_after_silence_and_cuts_a_link_that_stays_silent) {
  make();
  connect();
  port.wait_for_wish();
  EXPECT_EQ(port.time, port.heard + seconds(25));
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"ping"})"}));
  port.say(R"({"op":"pong"})");
  port.pass(seconds(24));
  EXPECT_TRUE(port.take_sent().empty());
  port.pass(seconds(1));
  EXPECT_EQ(port.take_sent().size(), 1U);
  port.chance = 1;
  port.wait_for_wish();
  EXPECT_FALSE(port.linked);
  EXPECT_EQ(states.back().error->code, ErrorCode::connection_lost);
}

TEST_F(CoreTest, Holds_nobodys_silence_against_the_link_while_it_does_not_read) {
  make();
  connect();
  core->pause(true);
  EXPECT_TRUE(port.reading_paused);
  port.pass(std::chrono::minutes(10));
  EXPECT_TRUE(port.linked);
  EXPECT_TRUE(port.take_sent().empty());
}

// ---- Closing ----

TEST_F(CoreTest, Waits_at_close_for_what_is_on_its_way_then_says_goodbye) {
  make();
  publish("1");
  core->start();
  bool done = false;
  core->close([&] { done = true; });
  port.run();
  EXPECT_EQ(core->publish({.channel = "a", .data = "1"}, keep()).error().code, ErrorCode::closed);
  port.welcome();
  EXPECT_EQ(port.take_sent().size(), 1U);
  EXPECT_FALSE(port.closed_with);
  port.say(R"({"op":"published","id":1,"channel":"news"})");
  EXPECT_EQ(port.closed_with, websocket::CloseCode::normal);
  EXPECT_FALSE(done);
  port.lose(end_by_close(websocket::CloseCode::normal, ""));
  EXPECT_TRUE(done);
  EXPECT_EQ(states.back().state, State::closed);
  EXPECT_FALSE(states.back().error);
  EXPECT_FALSE(port.wanted_time) << "nothing may keep the user's context running";
}

TEST_F(CoreTest, Closes_after_close_timeout_whoever_does_not_answer) {
  make();
  connect();
  publish("1");
  bool done = false;
  core->close([&] { done = true; });
  port.run();
  port.pass(seconds(5));
  EXPECT_TRUE(port.closed_with);
  port.pass(seconds(1));
  EXPECT_TRUE(done);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].error().code, ErrorCode::connection_lost);
}

TEST_F(CoreTest, Closes_at_once_without_a_connection_and_with_nothing_to_do) {
  make();
  bool done = false;
  core->close([&] { done = true; });
  port.run();
  EXPECT_TRUE(done);
}

TEST_F(CoreTest, Calls_no_handler_any_more_after_it_was_abandoned_by_one) {
  make();
  connect();
  int calls = 0;
  const auto handler = [&](const Result<Published>&) {
    ++calls;
    core->abandon();
  };
  ASSERT_TRUE(core->publish({.channel = "a", .data = "1"}, handler));
  ASSERT_TRUE(core->publish({.channel = "a", .data = "2"}, handler));
  port.run();
  const std::size_t states_before = states.size();
  port.lose(end_by_close(websocket::CloseCode::disconnected, ""));
  EXPECT_LE(calls, 1);
  EXPECT_EQ(states.size(), states_before + 1);
}

// ---- Options ----

TEST(CoreOptions, Says_which_option_cannot_be_right) {
  const auto fault = [](const Options& options) { return check_options(options).value_or(""); };
  EXPECT_EQ(fault({}), "");
  EXPECT_EQ(fault({.token = "a\r\nX: y"}).substr(0, 6), "token:");
  EXPECT_EQ(fault({.token = "a", .token_source = [](TokenReason, const TokenReply&) {}}).substr(0, 5), "token");
  EXPECT_EQ(fault({.backoff = {milliseconds(0), milliseconds(1)}}).substr(0, 8), "backoff:");
  EXPECT_EQ(fault({.outbox_bytes_max = 1}).substr(0, 17), "outbox_bytes_max:");
  EXPECT_EQ(fault({.connect_timeout = milliseconds(0)}).substr(0, 15), "connect_timeout");
  EXPECT_EQ(fault({.connect_timeout = milliseconds::max()}).substr(0, 15), "connect_timeout");
  EXPECT_EQ(fault({.backoff = {milliseconds(1), milliseconds::max()}}).substr(0, 8), "backoff:");
  EXPECT_EQ(fault({.headers = {{"X", "a\nb"}}}).substr(0, 8), "headers:");
}

}  // namespace
}  // namespace crier::client
