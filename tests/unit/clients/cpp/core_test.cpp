// What is sent over a client's connection, and what becomes of it.
#include "tests/unit/clients/cpp/core_fixture.hpp"

namespace crier::client {
namespace {

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

TEST_F(CoreTest, Calls_who_waits_for_room_only_when_there_is_more_of_it_than_before) {
  Options options;
  options.outbox_bytes_max = 4000;
  make(options);
  connect();
  publish("1");
  publish("2");
  port.run();
  int calls = 0;
  std::function<void()> again = [&] {
    ++calls;
    const auto taken = core->publish({.channel = "news", .data = '"' + std::string(3700, 'x') + '"'}, keep());
    if (!taken) core->on_room(again);
  };
  core->on_room(again);
  for (int i = 0; i < 10; ++i) port.run();
  EXPECT_EQ(calls, 0);
  port.say(R"({"op":"published","id":1,"channel":"news"})");
  for (int i = 0; i < 10; ++i) port.run();
  EXPECT_EQ(calls, 1);
  port.say(R"({"op":"published","id":2,"channel":"news"})");
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(port.take_sent().size(), 2U);
}

TEST_F(CoreTest, Counts_what_is_kept_behind_a_command_that_gets_no_answer) {
  Options options;
  options.outbox_bytes_max = 10'000;
  make(options);
  connect();
  publish("0");
  int taken = 0;
  for (; taken < 1000; ++taken) {
    if (!core->publish({.channel = "news", .data = "1"}, keep())) break;
    port.run();
    port.say(R"({"op":"published","id":)" + std::to_string(taken + 2) + R"(,"channel":"news"})");
  }
  EXPECT_LT(taken, 1000);
  port.say(R"({"op":"published","id":1,"channel":"news"})");
  EXPECT_EQ(core->outbox().bytes(), 0U);
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
  EXPECT_EQ(core->publish_batch(many, handler).error().code, ErrorCode::too_large) << "no room will ever do";
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

TEST_F(CoreTest, Sends_again_after_unavailable_what_has_a_key_on_this_connection_or_on_the_next) {
  make();
  connect();
  publish("1", true);
  publish("2");
  port.run();
  port.take_sent();
  for (const char* const id : {"1", "2"}) {
    port.say(R"({"op":"error","id":)" + std::string(id) +
             R"(,"command":"publish","channel":"news","code":"unavailable","message":"m"})");
  }
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].error().code, ErrorCode::unavailable);
  EXPECT_EQ(port.take_sent(), Strings{});
  port.pass(milliseconds(999));
  EXPECT_EQ(port.take_sent(), Strings{});
  port.pass(milliseconds(1));
  const Strings again = port.take_sent();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_NE(again[0].find(R"("id":1,)"), std::string::npos);
  port.say(R"({"op":"error","id":1,"command":"publish","channel":"news","code":"unavailable","message":"m"})");
  port.lose();
  port.wait_for_wish();
  port.welcome();
  EXPECT_EQ(port.take_sent(), again);
  port.say(R"({"op":"published","id":1,"channel":"news","position":"e:1"})");
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1]->position, "e:1");
  EXPECT_EQ(core->outbox().bytes(), 0U);
}

TEST_F(CoreTest, Sends_again_after_unavailable_no_longer_than_command_timeout) {
  make();
  connect();
  publish("1", true);
  port.run();
  for (int i = 0; i < 100 && results.empty(); ++i) {
    port.say(R"({"op":"error","id":1,"command":"publish","channel":"news","code":"unavailable","message":"m"})");
    port.pass(seconds(1));
  }
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].error().code, ErrorCode::timeout);
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

}  // namespace
}  // namespace crier::client
