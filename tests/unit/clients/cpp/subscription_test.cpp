// Subscriptions over cuts, and tokens: what a client's core asks the broker for, and what it tells its user.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "clients/cpp/core.hpp"
#include "tests/support/fake_port.hpp"

namespace crier::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakePort;
using Strings = std::vector<std::string>;

class SubscriptionTest : public ::testing::Test {
 protected:
  void make(Options options = {}) {
    ClientHandlers all;
    all.on_state = [this](const StateChange& change) { states.push_back(change); };
    all.on_error = [this](const Error& error) { errors.push_back(error); };
    all.token_channels = handlers();
    core = std::make_unique<Core>(port, std::move(options), std::move(all));
    port.core = core.get();
  }
  void connect() {
    core->start();
    port.run();
    port.welcome();
  }
  void reconnect() {
    port.lose();
    port.wait_for_wish();
    port.welcome();
  }
  SubscriptionHandlers handlers() {
    SubscriptionHandlers all;
    all.on_message = [this](const Message& message) {
      told.push_back("message " + std::string(message.data) + (message.pattern.empty() ? "" : " by pattern"));
    };
    all.on_subscribed = [this](const Subscribed& one) {
      std::string text = "subscribed " + one.position;
      if (one.again) text += " again";
      if (one.recovered) text += *one.recovered ? " recovered" : " lost";
      told.push_back(text);
    };
    all.on_gap = [this](const Gap& gap) { told.push_back("gap " + std::to_string(gap.lost.value_or(0))); };
    all.on_presence = [this](const PresenceChange& change) {
      told.push_back("presence " + std::to_string(static_cast<int>(change.kind)) + " " + change.member.session);
    };
    all.on_ended = [this](const Error& error) { told.push_back("ended " + std::string(to_string(error.code))); };
    return all;
  }
  void subscribe(std::string channel, SubscribeOptions options = {}) {
    const auto taken = core->subscribe(std::move(channel), std::move(options), handlers());
    ASSERT_TRUE(taken) << taken.error().message;
    port.run();
  }
  Strings take_told() { return std::exchange(told, {}); }

  FakePort port;
  std::unique_ptr<Core> core;
  std::vector<StateChange> states;
  std::vector<Error> errors;
  Strings told;
};

TEST_F(SubscriptionTest, Goes_on_after_a_cut_from_the_newest_position_that_was_seen) {
  make();
  connect();
  subscribe("a");
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"subscribe","id":-1,"channel":"a"})"}));
  port.say(R"({"op":"subscribed","id":-1,"channel":"a","position":"e:1","replayed":0})");
  port.say(R"({"op":"message","channel":"a","data":2,"position":"e:2","time":1})");
  EXPECT_EQ(core->position("a"), "e:2");
  reconnect();
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"subscribe","id":-2,"channel":"a","since":"e:2"})"}));
  port.say(R"({"op":"subscribed","id":-2,"channel":"a","position":"e:2","recovered":true,"replayed":1})");
  port.say(R"({"op":"message","channel":"a","data":3,"position":"e:3","time":1})");
  EXPECT_EQ(take_told(), (Strings{"subscribed e:1", "message 2", "subscribed e:2 again recovered", "message 3"}));
}

TEST_F(SubscriptionTest, Goes_on_within_a_replay_that_was_cut) {
  make();
  connect();
  subscribe("a", {.last = 3});
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"subscribe","id":-1,"channel":"a","last":3})"}));
  port.say(R"({"op":"subscribed","id":-1,"channel":"a","position":"e:1","replayed":3})");
  port.say(R"({"op":"message","channel":"a","data":2,"position":"e:2","time":1})");
  reconnect();
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"subscribe","id":-2,"channel":"a","since":"e:2","last":3})"}));
}

TEST_F(SubscriptionTest, Asks_again_for_what_it_was_first_asked_for_when_the_answer_was_cut_off) {
  make();
  subscribe("a", {.since = "e:7"});
  subscribe("b", {.last = 2, .presence = true});
  connect();
  const Strings first = port.take_sent();
  ASSERT_EQ(first.size(), 1U);
  reconnect();
  std::string second = port.take_sent().at(0);
  for (const auto& [old_id, new_id] : {std::pair("-1", "-3"), std::pair("-2", "-4")}) {
    const std::size_t at = second.find(std::string("\"id\":") + new_id);
    ASSERT_NE(at, std::string::npos);
    second.replace(at + 5, 2, old_id);
  }
  EXPECT_EQ(second, first[0]);
}

TEST_F(SubscriptionTest, Says_that_messages_may_be_missing_where_that_is_so) {
  make();
  connect();
  subscribe("a");
  subscribe("ticker");
  subscribe("x.>");
  port.say(R"({"op":"subscribed","id":-1,"channel":"a","position":"e:1","replayed":0})");
  port.say(R"({"op":"subscribed","id":-2,"channel":"ticker","replayed":0})");
  port.say(R"({"op":"subscribed","id":-3,"channel":"x.>"})");
  take_told();
  port.take_sent();
  reconnect();
  port.say(R"({"op":"subscribed","id":-4,"channel":"a","position":"f:9","recovered":false,"replayed":0})");
  port.say(R"({"op":"subscribed","id":-5,"channel":"ticker","replayed":0})");
  port.say(R"({"op":"subscribed","id":-6,"channel":"x.>"})");
  EXPECT_EQ(take_told(), (Strings{"subscribed f:9 again lost", "subscribed  again lost", "subscribed  again lost"}));
  EXPECT_EQ(core->position("a"), "f:9");
}

TEST_F(SubscriptionTest, Gives_each_message_to_the_subscription_that_delivers_it) {
  make();
  connect();
  subscribe("x.a");
  subscribe("x.*");
  port.say(R"({"op":"subscribed","id":-1,"channel":"x.a","position":"e:1","replayed":0})");
  port.say(R"({"op":"subscribed","id":-2,"channel":"x.*"})");
  take_told();
  port.say(R"({"op":"message","channel":"x.a","data":1,"position":"e:2","time":1})");
  port.say(R"({"op":"message","channel":"x.a","pattern":"x.*","data":1,"position":"e:2","time":1})");
  port.say(R"({"op":"message","channel":"x.b","data":1,"position":"e:2","time":1})");
  port.say(R"({"op":"gap","channel":"x.a","lost":4,"conflated":false,"position":"f:1"})");
  EXPECT_EQ(take_told(), (Strings{"message 1", "message 1 by pattern", "gap 4"}));
  EXPECT_EQ(core->position("x.a"), "f:1");
  EXPECT_EQ(core->position("x.*"), "");
}

TEST_F(SubscriptionTest, Is_over_with_unsubscribe_and_a_new_one_of_that_name_gets_nothing_of_the_old_one) {
  make();
  connect();
  subscribe("a");
  port.say(R"({"op":"subscribed","id":-1,"channel":"a","position":"e:1","replayed":0})");
  take_told();
  port.take_sent();
  EXPECT_EQ(core->subscribe("a", {}, {}).error().code, ErrorCode::already_subscribed);
  ASSERT_TRUE(core->unsubscribe("a"));
  EXPECT_EQ(core->unsubscribe("a").error().code, ErrorCode::not_subscribed);
  port.say(R"({"op":"message","channel":"a","data":2,"position":"e:2","time":1})");
  subscribe("a");
  EXPECT_EQ(port.take_sent(),
            (Strings{R"({"op":"unsubscribe","channel":"a"})", R"({"op":"subscribe","id":-2,"channel":"a"})"}));
  port.say(R"({"op":"message","channel":"a","data":3,"position":"e:3","time":1})");
  port.say(R"({"op":"unsubscribed","channel":"a"})");
  EXPECT_EQ(take_told(), Strings{});
  port.say(R"({"op":"subscribed","id":-2,"channel":"a","position":"e:3","replayed":0})");
  port.say(R"({"op":"message","channel":"a","data":4,"position":"e:4","time":1})");
  EXPECT_EQ(take_told(), (Strings{"subscribed e:3", "message 4"}));
}

TEST_F(SubscriptionTest, May_be_ended_by_its_own_handler) {
  make();
  connect();
  int messages = 0;
  ASSERT_TRUE(core->subscribe("a", {}, {.on_message = [&, big = std::string(100, 'x')](const Message&) {
                                messages += static_cast<int>(big.size()) / 100;
                                EXPECT_TRUE(core->unsubscribe("a"));
                              }}));
  port.run();
  port.say(R"({"op":"subscribed","id":-1,"channel":"a","position":"e:1","replayed":0})");
  port.say(R"({"op":"message","channel":"a","data":2,"position":"e:2","time":1})");
  port.say(R"({"op":"message","channel":"a","data":3,"position":"e:3","time":1})");
  EXPECT_EQ(messages, 1);
}

TEST_F(SubscriptionTest, Ends_when_it_is_refused_or_ended_by_the_broker_and_stays_ended) {
  make();
  connect();
  subscribe("a");
  subscribe("b");
  port.say(R"({"op":"error","id":-1,"command":"subscribe","code":"unauthorized","message":"m"})");
  port.say(R"({"op":"subscribed","id":-2,"channel":"b","position":"e:1","replayed":0})");
  port.say(R"({"op":"unsubscribed","channel":"b","code":"forbidden","reason":"r"})");
  EXPECT_EQ(take_told(), (Strings{"ended unauthorized", "subscribed e:1", "ended forbidden"}));
  port.take_sent();
  reconnect();
  EXPECT_EQ(port.take_sent(), Strings{});
}

TEST_F(SubscriptionTest, Goes_on_with_the_next_connection_after_unavailable) {
  make();
  connect();
  subscribe("a");
  port.say(R"({"op":"subscribed","id":-1,"channel":"a","position":"e:1","replayed":0})");
  port.say(R"({"op":"unsubscribed","channel":"a","code":"unavailable","reason":"r"})");
  port.take_sent();
  reconnect();
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"subscribe","id":-2,"channel":"a","since":"e:1"})"}));
}

TEST_F(SubscriptionTest, Is_asked_for_again_after_rate_limited_and_in_time) {
  make();
  connect();
  subscribe("a");
  port.take_sent();
  port.say(R"({"op":"error","id":-1,"command":"subscribe","channel":"a","code":"rate_limited",)"
           R"("message":"m","retry_after":3})");
  EXPECT_EQ(errors.size(), 1U);
  port.pass(milliseconds(2999));
  EXPECT_EQ(port.take_sent(), Strings{});
  port.pass(milliseconds(1));
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"subscribe","id":-2,"channel":"a"})"}));
}

TEST_F(SubscriptionTest, Goes_on_without_the_past_where_it_may_not_read_it_and_says_that_messages_may_be_missing) {
  make();
  connect();
  subscribe("a");
  port.say(R"({"op":"subscribed","id":-1,"channel":"a","position":"e:1","replayed":0})");
  reconnect();
  port.take_sent();
  take_told();
  port.say(R"({"op":"error","id":-2,"command":"subscribe","channel":"a","code":"forbidden","message":"no history"})");
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"subscribe","id":-3,"channel":"a"})"}));
  port.say(R"({"op":"subscribed","id":-3,"channel":"a","position":"e:9","replayed":0})");
  EXPECT_EQ(take_told(), Strings{"subscribed e:9 again lost"});
  reconnect();
  port.say(R"({"op":"error","id":-4,"command":"subscribe","channel":"a","code":"forbidden","message":"no history"})");
  port.say(R"({"op":"error","id":-5,"command":"subscribe","channel":"a","code":"forbidden","message":"nothing"})");
  EXPECT_EQ(take_told(), Strings{"ended forbidden"});
}

TEST_F(SubscriptionTest, Ends_where_the_past_that_the_user_asked_for_may_not_be_read) {
  make();
  connect();
  subscribe("a", {.since = "e:7"});
  port.say(R"({"op":"error","id":-1,"command":"subscribe","channel":"a","code":"forbidden","message":"no history"})");
  EXPECT_EQ(take_told(), Strings{"ended forbidden"});
}

TEST_F(SubscriptionTest, Waits_no_negative_time_and_no_eternity_before_it_asks_again) {
  make();
  connect();
  for (const char* const after : {"-100000", "9007199254740991"}) {
    subscribe("a");
    port.say(R"({"op":"error","id":)" + std::to_string(after[0] == '-' ? -1 : -2) +
             R"(,"command":"subscribe","channel":"a","code":"rate_limited","message":"m","retry_after":)" + after +
             "}");
    ASSERT_TRUE(errors.back().retry_after);
    EXPECT_GE(*errors.back().retry_after, seconds(0));
    EXPECT_LE(*errors.back().retry_after, std::chrono::hours(1));
    ASSERT_TRUE(core->unsubscribe("a"));
    port.run();
  }
}

TEST_F(SubscriptionTest, Tells_who_comes_and_goes) {
  make();
  connect();
  subscribe("room", {.presence = true});
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"subscribe","id":-1,"channel":"room","presence":true})"}));
  port.say(R"({"op":"subscribed","id":-1,"channel":"room","replayed":0,"members":[{"session":"s1"}]})");
  port.say(R"({"op":"join","channel":"room","member":{"session":"b"}})");
  port.say(R"({"op":"leave","channel":"room","member":{"session":"b"}})");
  port.say(R"({"op":"presence","channel":"room","count":2000})");
  port.say(R"({"op":"presence","channel":"room","members":[],"count":0})");
  EXPECT_EQ(take_told(), (Strings{"subscribed ", "presence 0 b", "presence 1 b", "presence 3 ", "presence 2 "}));
}

TEST_F(SubscriptionTest, Refuses_as_a_value_what_cannot_be_subscribed) {
  Options options;
  options.subscriptions_max = 1;
  make(options);
  EXPECT_EQ(core->subscribe("two words", {}, {}).error().code, ErrorCode::bad_request);
  EXPECT_EQ(core->subscribe("a", {.since = "yesterday"}, {}).error().code, ErrorCode::bad_request);
  EXPECT_EQ(core->subscribe("a.>", {.last = 1}, {}).error().code, ErrorCode::bad_request);
  ASSERT_TRUE(core->subscribe("a", {}, {}));
  EXPECT_EQ(core->subscribe("b", {}, {}).error().code, ErrorCode::limit_exceeded);
}

// ---- What a token subscribes ----

TEST_F(SubscriptionTest, Takes_the_tokens_own_channels_and_resumes_them_too) {
  make();
  connect();
  port.say(R"({"op":"subscribed","channel":"inbox","position":"e:1","replayed":0})");
  port.say(R"({"op":"message","channel":"inbox","data":2,"position":"e:2","time":1})");
  EXPECT_EQ(take_told(), (Strings{"subscribed e:1", "message 2"}));
  reconnect();
  EXPECT_EQ(port.take_sent(), Strings{});
  port.say(R"({"op":"subscribed","channel":"inbox","position":"e:3","replayed":0})");
  EXPECT_EQ(port.take_sent(), (Strings{R"([{"op":"unsubscribe","channel":"inbox"},)"
                                       R"({"op":"subscribe","id":-1,"channel":"inbox","since":"e:2"}])"}));
  port.say(R"({"op":"message","channel":"inbox","data":4,"position":"e:4","time":1})");
  port.say(R"({"op":"unsubscribed","channel":"inbox"})");
  port.say(R"({"op":"subscribed","id":-1,"channel":"inbox","position":"e:2","recovered":true,"replayed":2})");
  port.say(R"({"op":"message","channel":"inbox","data":3,"position":"e:3","time":1})");
  EXPECT_EQ(take_told(), (Strings{"subscribed e:2 again recovered", "message 3"}));
}

TEST_F(SubscriptionTest, Takes_no_more_of_the_tokens_channels_than_subscriptions_max_and_says_so_once) {
  Options options;
  options.subscriptions_max = 1;
  make(options);
  connect();
  for (const char* const name : {"a", "b", "c"}) {
    port.say(R"({"op":"subscribed","channel":")" + std::string(name) + R"(","position":"e:1","replayed":0})");
    port.say(R"({"op":"message","channel":")" + std::string(name) + R"(","data":1,"position":"e:2","time":1})");
  }
  EXPECT_EQ(take_told(), (Strings{"subscribed e:1", "message 1"}));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].message.find("subscriptions_max"), std::string::npos);
}

TEST_F(SubscriptionTest, Goes_on_with_the_tokens_own_channels_where_it_may_not_read_their_past) {
  make();
  connect();
  port.say(R"({"op":"subscribed","channel":"inbox","position":"e:1","replayed":0})");
  reconnect();
  port.say(R"({"op":"subscribed","channel":"inbox","position":"e:3","replayed":0})");
  port.take_sent();
  take_told();
  port.say(R"({"op":"error","id":-1,"command":"subscribe","channel":"inbox","code":"forbidden","message":"m"})");
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"subscribe","id":-2,"channel":"inbox"})"}));
  port.say(R"({"op":"subscribed","id":-2,"channel":"inbox","position":"e:4","replayed":0})");
  EXPECT_EQ(take_told(), (Strings{"subscribed e:4 again lost"}));
}

TEST_F(SubscriptionTest, Begins_anew_what_the_token_has_subscribed_before_it) {
  make();
  subscribe("inbox", {.since = "e:2"});
  connect();
  port.take_sent();
  port.say(R"({"op":"subscribed","channel":"inbox","position":"e:5","replayed":0})");
  port.say(R"({"op":"message","channel":"inbox","data":6,"position":"e:6","time":1})");
  port.say(
      R"({"op":"error","id":-1,"command":"subscribe","channel":"inbox","code":"already_subscribed","message":"m"})");
  EXPECT_EQ(port.take_sent(), (Strings{R"([{"op":"unsubscribe","channel":"inbox"},)"
                                       R"({"op":"subscribe","id":-2,"channel":"inbox","since":"e:2"}])"}));
  EXPECT_EQ(take_told(), Strings{});
  port.say(R"({"op":"subscribed","id":-2,"channel":"inbox","position":"e:2","recovered":true,"replayed":4})");
  EXPECT_EQ(take_told(), (Strings{"subscribed e:2 recovered"}));
}

// ---- Tokens ----

class TokenTest : public SubscriptionTest {
 protected:
  void make_with_source() {
    Options options;
    options.token_source = [](TokenReason, const TokenReply&) {};
    make(std::move(options));
    core->start();
    port.run();
  }
  void give(Result<std::string> token) {
    core->on_token(port.question, std::move(token));
    port.run();
  }
};

TEST_F(TokenTest, Asks_before_it_connects_and_again_before_the_token_is_over) {
  make_with_source();
  EXPECT_EQ(port.asked, (std::vector{TokenReason::first}));
  EXPECT_FALSE(port.linked);
  give(std::string("one"));
  EXPECT_EQ(port.tokens, (Strings{"one"}));
  port.welcome(R"(,"user":"alice","expires_in":600)");
  EXPECT_EQ(states.back().user, "alice");
  for (int i = 0; i < 26; ++i) {
    port.pass(seconds(20));
    port.say(R"({"op":"pong"})");
  }
  EXPECT_EQ(port.asked.size(), 1U);
  port.pass(seconds(20));
  EXPECT_EQ(port.asked.back(), TokenReason::expiring);
  port.take_sent();
  give(std::string("two"));
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"auth","id":-1,"token":"two"})"}));
  port.say(R"({"op":"authenticated","id":-1,"user":"alice","expires_in":2})");
  port.pass(seconds(1));
  EXPECT_EQ(port.asked.size(), 3U);
}

TEST_F(TokenTest, Keeps_a_token_that_is_still_good_over_a_cut_and_asks_for_another_one_when_it_is_not) {
  make_with_source();
  give(std::string("one"));
  port.welcome(R"(,"expires_in":100)");
  port.lose();
  port.wait_for_wish();
  EXPECT_EQ(port.tokens, (Strings{"one", "one"}));
  EXPECT_EQ(port.asked.size(), 1U);
  port.welcome(R"(,"expires_in":100)");
  port.chance = 1;
  port.lose();
  port.stand_still(seconds(200));
  port.wait_for_wish();
  port.wait_for_wish();
  EXPECT_EQ(port.asked.back(), TokenReason::expiring);
}

TEST_F(TokenTest, Asks_once_for_a_fresh_one_after_a_refusal_and_gives_up_after_the_second) {
  make_with_source();
  give(std::string("old"));
  const LinkEnd refusal = end_by_refusal({}, {401, std::nullopt, "token_expired", "the token has expired"});
  port.lose(refusal);
  EXPECT_EQ(port.asked.back(), TokenReason::refused);
  give(std::string("new"));
  EXPECT_EQ(port.tokens, (Strings{"old", "new"}));
  port.lose(refusal);
  EXPECT_EQ(core->state(), State::closed);
  EXPECT_EQ(states.back().error->code, ErrorCode::token_expired);
  EXPECT_EQ(states.back().error->http_status, 401);
}

TEST_F(TokenTest, Asks_for_another_one_after_4002_and_goes_on) {
  make_with_source();
  give(std::string("one"));
  port.welcome();
  port.pass(seconds(6));
  port.lose(end_by_close(websocket::CloseCode::token_expired, ""));
  EXPECT_EQ(port.asked.back(), TokenReason::refused);
  give(std::string("two"));
  port.welcome();
  EXPECT_EQ(core->state(), State::connected);
}

TEST_F(TokenTest, Asks_no_faster_than_it_reconnects_where_every_token_is_taken_and_then_refused) {
  make_with_source();
  give(std::string("one"));
  port.chance = 400;
  for (std::size_t round = 1; round < 6; ++round) {
    port.welcome();
    port.lose(end_by_close(websocket::CloseCode::token_expired, ""));
    EXPECT_EQ(port.asked.size(), round);
    EXPECT_EQ(states.back().retry_in, milliseconds(400));
    port.wait_for_wish();
    ASSERT_EQ(port.asked.size(), round + 1);
    EXPECT_EQ(port.asked.back(), TokenReason::refused);
    give(std::string("another"));
  }
}

TEST_F(TokenTest, Asks_no_source_any_more_after_it_was_abandoned) {
  Options options;
  options.token_source = [](TokenReason, const TokenReply&) {};
  ClientHandlers all;
  all.on_state = [this](const StateChange& change) {
    if (change.state == State::waiting) core->abandon();
  };
  core = std::make_unique<Core>(port, std::move(options), std::move(all));
  port.core = core.get();
  core->start();
  port.run();
  give(std::string("one"));
  port.welcome();
  port.pass(seconds(6));
  port.lose(end_by_close(websocket::CloseCode::token_expired, ""));
  EXPECT_EQ(port.asked.size(), 1U);
  EXPECT_FALSE(port.wanted_time) << "nothing may keep the user's context running";
}

TEST_F(TokenTest, Asks_at_most_once_a_second_for_tokens_that_are_over_at_once) {
  make_with_source();
  give(std::string("one"));
  port.welcome(R"(,"expires_in":0)");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(port.asked.size(), static_cast<std::size_t>(i + 1));
    port.pass(seconds(1));
    give(std::string("token") + std::to_string(i));
    port.say(R"({"op":"authenticated","id":)" + std::to_string(-1 - i) + R"(,"expires_in":0})");
  }
}

TEST_F(TokenTest, Sends_no_token_that_the_broker_has_already_and_asks_again_later) {
  make_with_source();
  give(std::string("one"));
  port.welcome(R"(,"expires_in":10)");
  port.pass(seconds(9));
  ASSERT_EQ(port.asked.size(), 2U);
  port.take_sent();
  give(std::string("one"));
  EXPECT_EQ(port.take_sent(), Strings{});
  port.pass(milliseconds(4999));
  EXPECT_EQ(port.asked.size(), 2U);
  port.pass(milliseconds(1));
  EXPECT_EQ(port.asked.size(), 3U);
}

TEST_F(TokenTest, Asks_again_where_a_source_has_lost_a_question_and_takes_the_late_answer_of_a_slow_one) {
  make_with_source();
  const auto first = port.question;
  port.pass(seconds(10));
  EXPECT_EQ(port.asked.size(), 2U);
  core->on_token(first, Error{.message = "too late"});
  EXPECT_EQ(core->state(), State::connecting);
  core->on_token(first, std::string("late"));
  EXPECT_EQ(port.tokens, (Strings{"late"}));
  give(std::string("second"));
  EXPECT_EQ(port.tokens, (Strings{"late"}));
}

TEST_F(TokenTest, Gives_up_without_a_source) {
  make({.token = "static"});
  core->start();
  port.run();
  EXPECT_EQ(port.tokens, (Strings{"static"}));
  port.lose(end_by_refusal({}, {401, std::nullopt, "unauthorized", "the token's signature is not genuine"}));
  EXPECT_EQ(core->state(), State::closed);
  EXPECT_EQ(states.back().error->code, ErrorCode::unauthorized);
}

TEST_F(TokenTest, Tells_that_no_token_came_and_tries_again_later) {
  make_with_source();
  port.chance = 1;
  give(Error{.message = "the login is down"});
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].code, ErrorCode::unauthorized);
  EXPECT_NE(errors[0].message.find("the login is down"), std::string::npos);
  EXPECT_EQ(core->state(), State::waiting);
  port.wait_for_wish();
  EXPECT_EQ(port.asked.size(), 2U);
  give(std::string("with\nline end"));
  EXPECT_EQ(core->state(), State::waiting);
}

TEST_F(TokenTest, Takes_an_answer_to_an_older_question_for_none) {
  make_with_source();
  const auto old = port.question;
  give(std::string("one"));
  core->on_token(old, std::string("two"));
  EXPECT_EQ(port.tokens, (Strings{"one"}));
}

TEST_F(TokenTest, Connects_anew_with_a_token_of_another_user) {
  make_with_source();
  give(std::string("alice"));
  port.welcome(R"(,"expires_in":10)");
  port.pass(seconds(9));
  give(std::string("bob"));
  port.say(R"({"op":"error","id":-1,"command":"auth","code":"forbidden","message":"m"})");
  port.wait_for_wish();
  EXPECT_EQ(port.tokens, (Strings{"alice", "bob"}));
}

TEST_F(TokenTest, Subscribes_again_with_the_new_token_what_the_old_one_was_too_old_for) {
  make_with_source();
  give(std::string("one"));
  port.welcome(R"(,"expires_in":10)");
  subscribe("a");
  port.say(R"({"op":"error","id":-1,"command":"subscribe","channel":"a","code":"token_expired","message":"m"})");
  EXPECT_EQ(take_told(), Strings{});
  port.pass(seconds(9));
  give(std::string("two"));
  port.take_sent();
  port.say(R"({"op":"authenticated","id":-2,"expires_in":3600})");
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"subscribe","id":-3,"channel":"a"})"}));
}

}  // namespace
}  // namespace crier::client
