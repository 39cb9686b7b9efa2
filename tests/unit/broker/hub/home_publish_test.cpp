// How a home takes messages: with keys, and with an engine that takes its time.
#include "tests/unit/broker/hub/home_fixture.hpp"

namespace crier::hub {
namespace {

// --- idempotency

TEST_F(HomeTest, Stores_a_key_once_and_answers_each_of_its_publishes_with_the_first_one_s_position) {
  subscribe(1, "a", 1);
  lines.take();
  say(2, "a", {.tag = single("x"), .data = "7", .key = "k"});
  EXPECT_EQ(lines.take(), (Text{"1 message a 1 7", "2 published 1 tag 0/0 id x for 8.9"}));
  const std::size_t bytes = say(3, "a", {.tag = single("y"), .data = "8", .key = "k"});
  EXPECT_EQ(lines.take(), Text{"3 published again ep:1 tag 0/0 id y for 8.9"});
  EXPECT_EQ(lines.credit, bytes);
  EXPECT_EQ(metrics.duplicates.value(), 1U);
  EXPECT_EQ(metrics.published.value(), 1U);
}

TEST_F(HomeTest, Takes_equal_keys_of_other_channels_and_of_other_users_for_others) {
  say(1, "a", {.key = "k"});
  say(1, "b", {.key = "k"});
  say(1, "a", {.key = "k", .scope = "user"});
  say(1, "a", {.key = "k2"});
  EXPECT_EQ(metrics.published.value(), 4U);
  EXPECT_EQ(metrics.idempotency_keys.value(), 4);
}

TEST_F(HomeTest, Forgets_a_key_after_its_namespace_s_window_and_the_channel_with_its_last_one) {
  config.namespaces["plain"].idempotency_window = config::milliseconds(1000);
  limits.channels_max = 1;
  say(1, plain, {.key = "k"});
  now_ms += 999;
  say(1, plain, {.key = "k"});
  EXPECT_EQ(metrics.published.value(), 1U);
  subscribe(1, plain_b, 1);
  EXPECT_EQ(lines.take().back().substr(0, 23), "1 refused limit_exceede") << "the key keeps its channel alive";
  now_ms += 1;
  home().tick(now_ms);
  EXPECT_EQ(metrics.idempotency_keys.value(), 0);
  subscribe(1, plain_b, 2);
  EXPECT_EQ(lines.take().back().substr(0, 12), "1 subscribed");
  unsubscribe(1, plain_b, 2);
  say(1, plain, {.key = "k"});
  EXPECT_EQ(metrics.published.value(), 2U);
}

TEST_F(HomeTest, Makes_room_for_a_new_key_where_old_ones_have_expired_before_any_tick) {
  limits.idempotency_keys_max = 1;
  say(1, plain, {.key = "k"});
  now_ms += 200'000;
  say(1, plain_b, {.tag = single(), .key = "l"});
  EXPECT_EQ(lines.take().back(), "1 published 2 tag 0/0 for 8.9");
}

TEST_F(HomeTest, Refuses_a_key_over_its_limit_and_nothing_without_one) {
  limits.idempotency_keys_max = 1;
  say(1, "a", {.key = "k"});
  lines.take();
  say(1, "b", {.tag = single("z"), .key = "l"});
  EXPECT_EQ(lines.take(), Text{"1 refused limit_exceeded tag 0/0 id z for 8.9"});
  say(1, "a", {.tag = single(), .key = "k"});
  publish(1, "b");
  EXPECT_EQ(lines.take(), (Text{"1 published again ep:1 tag 0/0 for 8.9", "1 credit for 8.9"}));
}

TEST_F(HomeTest, Frees_a_key_whose_publish_the_engine_refused) {
  engine.refuses = Error{ErrorCode::unavailable, "", "no"};
  say(1, "a", {.tag = single("x"), .key = "k"});
  EXPECT_EQ(lines.take(), Text{"1 refused unavailable tag 0/0 id x for 8.9"});
  EXPECT_EQ(home().fanned_out(), 0U);
  engine.refuses.reset();
  say(1, "a", {.tag = single(), .key = "k"});
  EXPECT_EQ(lines.take(), Text{"1 published 1 tag 0/0 for 8.9"});
}

// --- an engine that answers later

class SlowEngineTest : public HomeTest {
 protected:
  SlowEngineTest() { engine.later = true; }
};

TEST_F(SlowEngineTest, Hands_out_a_message_only_when_it_is_stored_and_at_that_place_in_the_order) {
  subscribe(1, "a", 1);
  lines.take();
  publish(2, "a", single("x"));
  EXPECT_EQ(lines.take(), Text{});
  EXPECT_GT(metrics.engine_pending_bytes.value(), 0);
  subscribe(1, "a", 2);
  EXPECT_EQ(lines.take(), Text{"1 subscribed ep:0 a serial 2 for 4.5"});
  engine.store();
  EXPECT_EQ(lines.take(), (Text{"1 message a 1 1", "2 published 1 tag 0/0 id x for 8.9"}));
  EXPECT_EQ(metrics.engine_pending_bytes.value(), 0);
  EXPECT_EQ(fetch("a", 0), "0 fetched 1 through 1#1 top");
}

TEST_F(SlowEngineTest, Tells_the_engine_when_a_message_s_own_time_will_be_over) {
  say(0, "a", {.ttl_s = 5});
  say(0, "a", {});
  EXPECT_EQ(engine.publishes[0].expires_ms, now_ms + 5000);
  EXPECT_EQ(engine.publishes[1].expires_ms, 0);
  engine.store();
  engine.store();
}

TEST_F(SlowEngineTest, Answers_publishes_that_wait_with_a_key_with_the_outcome_of_the_first) {
  say(1, "a", {.tag = single("x"), .key = "k"});
  say(2, "a", {.tag = single("y"), .key = "k"});
  say(3, "a", {.tag = single("z"), .key = "k"});
  EXPECT_EQ(engine.publishes.size(), 1U);
  EXPECT_EQ(lines.take(), Text{});
  engine.store();
  EXPECT_EQ(lines.take(), (Text{"1 published 1 tag 0/0 id x for 8.9", "2 published again ep:1 tag 0/0 id y for 8.9",
                                "3 published again ep:1 tag 0/0 id z for 8.9"}));
}

TEST_F(SlowEngineTest, Fails_all_who_wait_with_a_key_and_frees_it) {
  subscribe(1, "a", 1);
  lines.take();
  say(1, "a", {.tag = single("x"), .key = "k"});
  say(2, "a", {.tag = single("y"), .key = "k"});
  engine.fail(ErrorCode::unavailable);
  EXPECT_EQ(lines.take(),
            (Text{"2 refused unavailable tag 0/0 id y for 8.9", "1 refused unavailable tag 0/0 id x for 8.9"}));
  say(1, "a", {.tag = single(), .key = "k"});
  engine.store();
  EXPECT_EQ(lines.take(), (Text{"1 message a 1 1", "1 published 1 tag 0/0 for 8.9"}));
}

TEST_F(SlowEngineTest, Forgets_a_channel_when_its_last_open_publish_failed) {
  limits.channels_max = 1;
  publish(1, "a");
  engine.fail(ErrorCode::unavailable);
  lines.take();
  subscribe(1, "b", 1);
  EXPECT_EQ(lines.take_one().substr(0, 12), "1 subscribed");
}

TEST_F(SlowEngineTest, Refuses_what_is_more_than_may_wait_for_the_engine) {
  const std::size_t bytes = publish(0, "a");
  restart();
  engine.publishes.clear();
  limits.engine_queue_bytes_max = 2 * bytes;
  restart();
  publish(1, "a", single());
  publish(1, "b", single());
  EXPECT_EQ(lines.take(), Text{});
  publish(1, "a", single());
  EXPECT_EQ(lines.take(), Text{"1 refused unavailable tag 0/0 for 8.9"});
  engine.store();
  publish(1, "a", single());
  EXPECT_EQ(engine.publishes.size(), 2U);
  engine.store();
  engine.store();
}

TEST_F(SlowEngineTest, Takes_one_publish_at_least_however_large) {
  limits.engine_queue_bytes_max = 10;
  publish(1, "a", single());
  EXPECT_EQ(engine.publishes.size(), 1U);
  engine.store();
  EXPECT_EQ(lines.take(), Text{"1 published 1 tag 0/0 for 8.9"});
}

TEST_F(SlowEngineTest, Keeps_what_waits_for_the_engine_also_where_there_may_be_no_more_channels) {
  limits.channels_max = 1;
  subscribe(1, "a", 1);
  lines.take();
  publish(1, plain, single());  // which leaves nothing behind once it is stored
  ASSERT_EQ(engine.publishes.size(), 1U);
  engine.store();
  EXPECT_EQ(lines.take(), Text{"1 published 1 tag 0/0 for 8.9"});
  subscribe(1, plain, 2);
  EXPECT_EQ(lines.take_one().substr(0, 24), "1 refused limit_exceeded") << "it was not forgotten";
}

TEST_F(SlowEngineTest, Says_timeout_once_and_delivers_what_is_accepted_afterwards) {
  subscribe(1, "a", 1);
  const std::size_t bytes = publish(2, "a", single("x"));
  lines.take();
  now_ms += 4999;
  home().tick(now_ms);
  EXPECT_EQ(lines.take(), Text{});
  now_ms += 1;
  home().tick(now_ms);
  EXPECT_EQ(lines.take(), Text{"2 refused timeout tag 0/0 id x for 8.9"});
  EXPECT_EQ(lines.credit, bytes);
  now_ms += 5000;
  home().tick(now_ms);
  EXPECT_EQ(lines.take(), Text{});
  engine.store();
  EXPECT_EQ(lines.take(), Text{"1 message a 1 1"}) << "its publisher has its credit back already";
  EXPECT_EQ(metrics.engine_timeouts.value(), 1U);
}

TEST_F(SlowEngineTest, Tells_whoever_timed_out_nothing_more_when_the_engine_fails_in_the_end) {
  publish(2, "a", single());
  now_ms += 5000;
  home().tick(now_ms);
  lines.take();
  engine.fail(ErrorCode::unavailable);
  EXPECT_EQ(lines.take(), Text{});
}

TEST_F(SlowEngineTest, Times_out_those_who_wait_with_a_key_too_but_keeps_the_key_for_what_may_come) {
  say(1, "a", {.tag = single("x"), .key = "k"});
  say(2, "a", {.tag = single("y"), .key = "k"});
  now_ms += 5000;
  home().tick(now_ms);
  EXPECT_EQ(lines.take(), (Text{"2 refused timeout tag 0/0 id y for 8.9", "1 refused timeout tag 0/0 id x for 8.9"}));
  say(3, "a", {.tag = single("z"), .key = "k"});
  EXPECT_EQ(engine.publishes.size(), 1U) << "not sent again behind the first one's back";
  engine.store();
  EXPECT_EQ(lines.take(), Text{"3 published again ep:1 tag 0/0 id z for 8.9"});
}

TEST_F(SlowEngineTest, Says_by_its_metric_whether_the_engine_takes_anything) {
  home().tick(now_ms);
  EXPECT_EQ(metrics.engine_ready.value(), 1);
  engine.takes = false;
  home().tick(now_ms);
  EXPECT_EQ(metrics.engine_ready.value(), 0);
}

}  // namespace
}  // namespace crier::hub
