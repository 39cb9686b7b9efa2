// An engine that keeps more than the home: where its messages and the home's own meet (design rule 5), and
// what happens when it loses everything.
#include "tests/unit/broker/hub/home_fixture.hpp"

namespace crier::hub {
namespace {

class HomeRecoveryTest : public HomeTest {
 protected:
  HomeRecoveryTest() { engine.keeps_history = true; }

  // Offsets `first` to `last`, as an engine gives them back.
  static engine::Recovered stored(std::uint64_t first, std::uint64_t last, bool complete = true) {
    engine::Recovered recovered;
    recovered.floor = first - 1;
    recovered.complete = complete;
    for (std::uint64_t offset = first; offset <= last; ++offset) {
      recovered.messages.push_back({.offset = offset,
                                    .data_json = std::to_string(offset),
                                    .encoding = command::Encoding::json,
                                    .conflate_key = "",
                                    .time_ms = 1,
                                    .expires_ms = 0});
    }
    return recovered;
  }
  // The fetch's answer is to come from the engine.
  void ask(std::uint64_t after, std::size_t bytes_max = 1'000'000) {
    ASSERT_EQ(fetch("few:a", after, bytes_max), "nothing yet");
  }
};

TEST_F(HomeRecoveryTest, Asks_the_engine_for_what_its_own_history_no_longer_has_and_for_nothing_else) {
  fill("few:a", 5);
  subscribe(0, "few:a", 1, {.since = Position{"ep", 2}});
  EXPECT_EQ(lines.take_one(), "0 subscribed ep:2 few:a serial 1 for 4.5 recovered replays 3 after 2#2");
  EXPECT_EQ(fetch("few:a", 2), "0 fetched 3 4 5 through 5#5 top");
  EXPECT_TRUE(engine.recoveries.empty());
  subscribe(0, "few:a", 2, {.since = Position{"ep", 1}});
  EXPECT_EQ(lines.take(), Text{});
  ASSERT_EQ(engine.recoveries.size(), 1U);
  EXPECT_EQ(engine.recoveries[0].channel, "few:a");
  EXPECT_EQ(engine.recoveries[0].after, 1U);
  engine.give(stored(2, 5));
  EXPECT_EQ(lines.take_one().substr(0, 69), "0 subscribed ep:1 few:a serial 2 for 4.5 recovered replays unknown af");
}

TEST_F(HomeRecoveryTest, Does_not_recover_below_what_the_engine_has_or_in_another_epoch) {
  fill("few:a", 5);
  subscribe(0, "few:a", 1, {.since = Position{"ep", 1}});
  engine.give(stored(3, 5));
  EXPECT_EQ(lines.take_one(), "0 subscribed ep:5 few:a serial 1 for 4.5 not recovered");
  subscribe(0, "few:a", 2, {.since = Position{"old", 1}});
  EXPECT_EQ(lines.take_one(), "0 subscribed ep:5 few:a serial 2 for 4.5 not recovered");
  subscribe(0, "few:a", 3, {.since = Position{"ep", 1}, .last = 2});
  engine.give(stored(3, 5));
  EXPECT_EQ(lines.take_one(), "0 subscribed ep:3 few:a serial 3 for 4.5 not recovered replays 2 after 3#3");
}

TEST_F(HomeRecoveryTest, Counts_a_subscription_from_the_moment_it_asks_not_from_the_engine_s_answer) {
  fill("few:a", 5);
  subscribe(1, "few:a", 1, {.since = Position{"ep", 1}});
  publish(0, "few:a");
  EXPECT_EQ(lines.take(), (Text{"1 message few:a 6 1", "0 credit for 8.9"}));
  engine.give(stored(2, 5));
  EXPECT_EQ(lines.take().size(), 1U);
}

TEST_F(HomeRecoveryTest, Takes_the_engine_s_part_then_its_own_without_a_hole_or_a_message_twice) {
  subscribe(0, "few:a", 1);
  fill("few:a", 5);
  ask(1);
  engine.give(stored(2, 4));
  EXPECT_EQ(lines.take_one(), "0 fetched 2 3 4 5 through 5#5 top");
}

TEST_F(HomeRecoveryTest, Cuts_what_is_above_its_own_fan_out_because_that_will_follow_by_itself) {
  engine.later = true;
  subscribe(0, "few:a", 1);
  for (int i = 0; i < 5; ++i) {
    publish(0, "few:a");
    engine.store();
  }
  publish(0, "few:a");  // the engine has it, and its answer is on its way
  ask(1);
  engine.give(stored(2, 6));
  EXPECT_EQ(lines.take_one(), "0 fetched 2 3 4 5 through 5#5 top");
  engine.store();
  EXPECT_EQ(lines.take()[0], "0 message few:a 6 1");
}

TEST_F(HomeRecoveryTest, Fills_up_what_was_fanned_out_while_the_engine_was_answering) {
  subscribe(0, "few:a", 1);
  fill("few:a", 5);
  ask(1);
  fill("few:a", 2);  // 6 and 7 are live, and 4 is forgotten
  engine.give(stored(2, 5));
  EXPECT_EQ(lines.take_one(), "0 fetched 2 3 4 5 6 7 through 7#7 top");
}

TEST_F(HomeRecoveryTest, Asks_again_when_its_own_history_was_overrun_meanwhile) {
  subscribe(0, "few:a", 1);
  fill("few:a", 5);
  ask(1);
  fill("few:a", 5);  // 8 to 10 are left
  engine.give(stored(2, 5));
  EXPECT_EQ(lines.take_one(), "0 fetched 2 3 4 5 through 5#0") << "not the top: 6 and 7 are only with the engine";
  ask(5);
  engine.give(stored(6, 10));
  EXPECT_EQ(lines.take_one(), "0 fetched 6 7 8 9 10 through 10#10 top");
}

TEST_F(HomeRecoveryTest, Hands_on_the_engine_s_pieces_as_they_are) {
  subscribe(0, "few:a", 1);
  fill("few:a", 9);
  ask(1, 10);
  EXPECT_EQ(engine.recoveries[0].bytes_max, 10U);
  engine.give(stored(2, 3, /*complete=*/false));
  EXPECT_EQ(lines.take_one(), "0 fetched 2 3 through 3#0");
  ask(3);
  engine.give(stored(5, 9));
  EXPECT_EQ(lines.take_one(), "0 fetched 5 6 7 8 9 through 9#9 top evicted") << "4 was lost meanwhile";
}

TEST_F(HomeRecoveryTest, Leaves_out_what_has_outlived_itself_in_the_engine) {
  subscribe(0, "few:a", 1);
  fill("few:a", 5);
  ask(1);
  engine::Recovered recovered = stored(2, 5);
  recovered.messages[1].expires_ms = now_ms;
  engine.give(std::move(recovered));
  EXPECT_EQ(lines.take_one(), "0 fetched 2 4 5 through 5#5 top");
}

TEST_F(HomeRecoveryTest, Gives_the_engine_s_messages_their_position_time_and_data) {
  subscribe(0, "few:a", 1);
  fill("few:a", 5);
  ask(1);
  engine.give(stored(2, 5));
  const Message& message = *lines.last_messages.at(0);
  EXPECT_EQ(message.json(), R"({"op":"message","channel":"few:a","data":2,"position":"ep:2","time":1})");
}

TEST_F(HomeRecoveryTest, Asks_anew_at_the_next_tick_when_the_engine_failed) {
  subscribe(0, "few:a", 1);
  fill("few:a", 5);
  ask(1);
  subscribe(1, "few:a", 2, {.since = Position{"ep", 1}});
  lines.take();
  engine.fail_recovery();
  engine.fail_recovery();
  EXPECT_EQ(lines.take(), Text{});
  EXPECT_EQ(metrics.engine_recovery_failures.value(), 2U);
  EXPECT_TRUE(engine.recoveries.empty());
  home().tick(now_ms);
  ASSERT_EQ(engine.recoveries.size(), 2U);
  engine.give(stored(2, 5));
  engine.give(stored(2, 5));
  const Text answers = lines.take();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0], "0 fetched 2 3 4 5 through 5#5 top");
  EXPECT_EQ(answers[1].substr(0, 17), "1 subscribed ep:1");
}

TEST_F(HomeRecoveryTest, Gives_up_for_a_channel_that_nobody_wants_any_more_but_lets_the_session_go_on) {
  config.namespaces["few"].history.age = config::milliseconds(1000);
  for (const bool fails : {false, true}) {
    subscribe(0, "few:a", 1);
    fill("few:a", 5);
    const std::uint64_t after = home().fanned_out() - 4;
    ask(after);
    unsubscribe(0, "few:a", 1);
    now_ms += 5000;
    home().tick(now_ms);  // the channel is forgotten
    if (fails) {
      engine.fail_recovery();
      EXPECT_EQ(lines.take(), Text{});
      home().tick(now_ms);
    } else {
      engine.give(stored(after + 1, after + 4));
    }
    EXPECT_TRUE(engine.recoveries.empty());
    EXPECT_EQ(lines.take_one(), std::string("0 fetched through ").append(std::to_string(after)).append("#0"));
  }
}

TEST_F(HomeRecoveryTest, Knows_nothing_of_what_the_engine_kept_from_before_its_own_life) {
  testing::ScriptedEngine old("ep", 100);
  old.keeps_history = true;
  Home reborn(config, limits, lines, metrics);
  reborn.attach(old);
  old.answers = &reborn.answers();
  Request request = std::make_unique<ControlRequest>(SubscribeRequest{.session = {4, 5},
                                                                      .serial = 1,
                                                                      .channel_hash = hash_of("a"),
                                                                      .channel = "a",
                                                                      .since = Position{"ep", 50},
                                                                      .last = {},
                                                                      .member = {},
                                                                      .watch = false});
  reborn.handle(0, request, now_ms);
  ASSERT_EQ(old.recoveries.size(), 1U) << "it cannot say by itself that nothing came behind 50";
  old.give(stored(60, 70));
  EXPECT_EQ(lines.take_one().substr(0, 44), "0 subscribed ep:100 a serial 1 for 4.5 not r");
}

// --- a new epoch

TEST_F(HomeTest, Tells_live_subscribers_of_a_new_epoch_and_continues_from_nothing_before_it) {
  subscribe(1, "a", 1);
  subscribe(2, "a", 2);
  subscribe(2, plain, 3);
  fill("a", 3);
  fill("b", 1);
  engine.change_epoch("new");
  EXPECT_EQ(lines.take(), (Text{"1 epoch a new:3", "2 epoch a new:3"}));
  subscribe(1, "a", 4, {.since = Position{"ep", 3}});
  subscribe(1, "a", 5, {.since = Position{"new", 2}});
  subscribe(1, "a", 6, {.since = Position{"new", 3}});
  subscribe(1, "c", 7, {.since = Position{"new", 2}});
  subscribe(1, "b", 8, {.last = 5});
  EXPECT_EQ(
      lines.take(),
      (Text{"1 subscribed new:3 a serial 4 for 4.5 not recovered",
            "1 subscribed new:3 a serial 5 for 4.5 not recovered", "1 subscribed new:3 a serial 6 for 4.5 recovered",
            "1 subscribed new:4 c serial 7 for 4.5 not recovered", "1 subscribed new:4 b serial 8 for 4.5"}));
  publish(1, "a");
  EXPECT_EQ(lines.last_message->position(), "new:5");
  EXPECT_EQ(fetch("a", 3), "0 fetched 5 through 5#4 top");
}

}  // namespace
}  // namespace crier::hub
