// The life of a client's connection, and what is sent over it.
#include "clients/cpp/core.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/fake_port.hpp"

namespace crier::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakePort;

class CoreTest : public ::testing::Test {
 protected:
  void make(Options options = {}) {
    ClientHandlers handlers;
    handlers.on_state = [this](const StateChange& change) { states.push_back(change); };
    handlers.on_error = [this](const Error& error) { errors.push_back(error); };
    core = std::make_unique<Core>(port, std::move(options), std::move(handlers));
    port.core = core.get();
  }
  void connect() {
    core->start();
    port.run();
    port.welcome();
  }
  PublishHandler keep() {
    return [this](const Result<Published>& result) { results.push_back(result); };
  }
  void publish(std::string data, bool retry = false) {
    const auto taken = core->publish({.channel = "news", .data = std::move(data), .retry = retry}, keep());
    ASSERT_TRUE(taken) << taken.error().message;
  }

  FakePort port;
  std::unique_ptr<Core> core;
  std::vector<StateChange> states;
  std::vector<Error> errors;
  std::vector<Result<Published>> results;
};

using Strings = std::vector<std::string>;

// ---- Publishing ----

TEST_F(CoreTest, Sends_everything_of_a_turn_as_one_message_in_the_order_of_the_calls) {
  make();
  connect();
  publish("1");
  publish("2");
  EXPECT_TRUE(port.sent.empty());
  port.run();
  EXPECT_EQ(port.take_sent(), (Strings{R"([{"op":"publish","id":1,"channel":"news","data":1},)"
                                       R"({"op":"publish","id":2,"channel":"news","data":2}])"}));
  publish("3");
  port.run();
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"publish","id":3,"channel":"news","data":3})"}));
}

TEST_F(CoreTest, Gives_each_publish_its_own_answer_in_whatever_order_they_come) {
  make();
  connect();
  publish("1");
  publish("2");
  port.run();
  port.say(R"({"op":"published","id":2,"channel":"news","position":"e:2"})");
  port.say(R"({"op":"error","id":1,"command":"publish","channel":"news","code":"forbidden","message":"no"})");
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0]->position, "e:2");
  EXPECT_EQ(results[1].error().code, ErrorCode::forbidden);
  EXPECT_EQ(results[1].error().message, "news: no");
  EXPECT_EQ(core->outbox().bytes(), 0U);
}

TEST_F(CoreTest, Waits_with_more_until_the_socket_has_taken_what_was_sent) {
  make();
  connect();
  port.is_ready = false;
  publish("1");
  port.run();
  publish("2");
  port.run();
  EXPECT_TRUE(port.sent.empty());
  port.is_ready = true;
  core->on_ready();
  EXPECT_EQ(port.take_sent().size(), 1U);
}

TEST_F(CoreTest, Refuses_as_a_value_what_the_broker_would_refuse_with_all_that_is_beside_it) {
  make();
  const auto refused = [&](Publication publication) {
    const auto taken = core->publish(std::move(publication), keep());
    EXPECT_FALSE(taken);
    return taken ? ErrorCode::internal : taken.error().code;
  };
  EXPECT_EQ(refused({.channel = "news", .data = "no JSON"}), ErrorCode::bad_request);
  EXPECT_EQ(refused({.channel = "news", .data = ""}), ErrorCode::bad_request);
  EXPECT_EQ(refused({.channel = "news", .data = R"(1,"channel":"other")"}), ErrorCode::bad_request);
  EXPECT_EQ(refused({.channel = "news", .data = "\"\xff\""}), ErrorCode::bad_request);
  EXPECT_EQ(refused({.channel = "two words", .data = "1"}), ErrorCode::bad_request);
  EXPECT_EQ(refused({.channel = "news.>", .data = "1"}), ErrorCode::bad_request);
  EXPECT_EQ(refused({.channel = "news", .data = "1", .key = std::string(129, 'k')}), ErrorCode::bad_request);
  EXPECT_EQ(refused({.channel = "news", .data = "1", .ttl = seconds(0)}), ErrorCode::bad_request);
  EXPECT_EQ(refused({.channel = "news", .data = std::string(63, '[') + std::string(63, ']')}), ErrorCode::bad_request);
  EXPECT_TRUE(results.empty());
  EXPECT_EQ(core->outbox().bytes(), 0U);
}

TEST_F(CoreTest, Sends_bytes_as_base64) {
  make();
  connect();
  ASSERT_TRUE(core->publish({.channel = "f", .data = "\xde\xad\xbe\xef", .binary = true}, {}));
  port.run();
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"publish","channel":"f","data":"3q2+7w==","encoding":"base64"})"}));
}

TEST_F(CoreTest, Publishes_without_acknowledgement_without_id_and_tells_refusals_to_on_error) {
  make();
  connect();
  ASSERT_TRUE(core->publish({.channel = "news", .data = "1"}, {}));
  port.run();
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"publish","channel":"news","data":1})"}));
  EXPECT_TRUE(core->outbox().empty());
  port.say(R"({"op":"error","command":"publish","channel":"news","code":"too_large","message":"m"})");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].code, ErrorCode::too_large);
}

TEST_F(CoreTest, Refuses_as_a_value_what_has_no_room_and_says_when_there_is_some_again) {
  Options options;
  options.outbox_bytes_max = 2000;
  make(options);
  connect();
  int taken = 0;
  for (; taken < 100; ++taken) {
    const auto one = core->publish({.channel = "news", .data = "1"}, keep());
    if (!one) {
      EXPECT_EQ(one.error().code, ErrorCode::queue_full);
      break;
    }
  }
  ASSERT_LT(taken, 100);
  bool room = false;
  core->on_room([&] { room = true; });
  port.run();
  EXPECT_FALSE(room);
  for (int id = 1; id <= taken; ++id) {
    port.say(R"({"op":"published","id":)" + std::to_string(id) + R"(,"channel":"news"})");
    EXPECT_EQ(room, core->outbox().bytes() * 2 <= options.outbox_bytes_max);
  }
  EXPECT_TRUE(room);
  const auto large = core->publish({.channel = "news", .data = '"' + std::string(3000, 'x') + '"'}, keep());
  EXPECT_EQ(large.error().code, ErrorCode::too_large);
}

TEST_F(CoreTest, Refuses_what_is_over_the_brokers_limit_as_soon_as_that_is_known) {
  make();
  publish('"' + std::string(2'000'000, 'x') + '"');
  connect();
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].error().code, ErrorCode::too_large);
  EXPECT_TRUE(port.sent.empty());
  const auto taken = core->publish({.channel = "news", .data = '"' + std::string(2'000'000, 'x') + '"'}, keep());
  EXPECT_EQ(taken.error().code, ErrorCode::too_large);
}

TEST_F(CoreTest, Takes_all_of_a_batch_or_nothing_and_answers_it_at_once) {
  Options options;
  options.outbox_bytes_max = 2000;
  make(options);
  connect();
  std::vector<Result<Published>> answers;
  const auto handler = [&](std::vector<Result<Published>> all) { answers = std::move(all); };
  std::vector<Publication> many(20, Publication{.channel = "news", .data = "1"});
  EXPECT_EQ(core->publish_batch(many, handler).error().code, ErrorCode::queue_full);
  EXPECT_TRUE(core->outbox().empty());
  many.resize(2);
  ASSERT_TRUE(core->publish_batch(many, handler));
  port.run();
  EXPECT_EQ(port.take_sent().size(), 1U);
  port.say(R"({"op":"published","id":2,"channel":"news","position":"e:2"})");
  EXPECT_TRUE(answers.empty());
  port.say(R"({"op":"published","id":1,"channel":"news","position":"e:1"})");
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0]->position, "e:1");
  EXPECT_EQ(answers[1]->position, "e:2");
}

TEST_F(CoreTest, Broadcasts_one_command_and_tells_each_channels_result) {
  make();
  connect();
  std::vector<Result<Published>> answers;
  ASSERT_TRUE(core->broadcast({"a", "b"}, {.data = "1"}, [&](Result<std::vector<Result<Published>>> all) {
    if (all) answers = std::move(*all);
  }));
  port.run();
  EXPECT_EQ(port.take_sent(), (Strings{R"({"op":"publish","id":1,"channels":["a","b"],"data":1})"}));
  port.say(R"({"op":"published","id":1,"results":[{"channel":"a","position":"e:1"},)"
           R"({"channel":"b","code":"too_large","message":"m"}]})");
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0]->position, "e:1");
  EXPECT_EQ(answers[1].error().code, ErrorCode::too_large);
}

// ---- Cuts ----

TEST_F(CoreTest, Fails_after_a_cut_what_was_in_flight_and_sends_again_what_has_a_key_and_what_was_not_sent) {
  make();
  connect();
  publish("1");
  publish("2", true);
  port.run();
  const std::string first = port.take_sent().at(0);
  EXPECT_NE(first.find(R"("key":")"), std::string::npos);
  port.lose();
  publish("3");
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].error().code, ErrorCode::connection_lost);
  port.wait_for_wish();
  port.welcome();
  const std::string second = port.take_sent().at(0);
  EXPECT_EQ(second.find(R"("data":1)"), std::string::npos);
  EXPECT_LT(second.find(R"("id":2,)"), second.find(R"("id":3,)"));
  const std::size_t key = first.find(R"("key":")");
  EXPECT_NE(second.find(first.substr(key, first.find('}', key) - key)), std::string::npos) << "another key";
  port.say(R"({"op":"published","id":2,"channel":"news","position":"e:2"})");
  port.say(R"({"op":"published","id":3,"channel":"news","position":"e:3"})");
  EXPECT_EQ(results.size(), 3U);
}

TEST_F(CoreTest, Publishes_nothing_while_offline_where_that_is_asked_for) {
  Options options;
  options.offline = Offline::refuse;
  make(options);
  EXPECT_EQ(core->publish({.channel = "a", .data = "1"}, keep()).error().code, ErrorCode::offline);
  connect();
  publish("1");
}

TEST_F(CoreTest, Gives_up_on_a_command_after_command_timeout_and_says_whether_it_was_sent) {
  make();
  publish("1");
  port.pass(seconds(31));
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].error().code, ErrorCode::offline);
  connect();
  publish("2");
  port.run();
  EXPECT_LE(*port.wanted_time, port.time + seconds(30));
  for (int i = 0; i < 4; ++i) {
    port.pass(seconds(9));
    port.say(R"({"op":"pong"})");
  }
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1].error().code, ErrorCode::timeout);
  EXPECT_EQ(core->state(), State::connected);
}

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
  const auto fault = [](Options options) { return check_options(options).value_or(""); };
  EXPECT_EQ(fault({}), "");
  EXPECT_EQ(fault({.token = "a\r\nX: y"}).substr(0, 6), "token:");
  EXPECT_EQ(fault({.token = "a", .token_source = [](TokenReason, const TokenReply&) {}}).substr(0, 5), "token");
  EXPECT_EQ(fault({.backoff = {milliseconds(0), milliseconds(1)}}).substr(0, 8), "backoff:");
  EXPECT_EQ(fault({.outbox_bytes_max = 1}).substr(0, 17), "outbox_bytes_max:");
  EXPECT_EQ(fault({.connect_timeout = milliseconds(0)}).substr(0, 15), "connect_timeout");
  EXPECT_EQ(fault({.headers = {{"X", "a\nb"}}}).substr(0, 8), "headers:");
}

}  // namespace
}  // namespace crier::client
