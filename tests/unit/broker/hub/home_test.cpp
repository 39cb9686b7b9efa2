// Interest, order, answers: what a home does before there is a past to tell.
#include "tests/unit/broker/hub/home_fixture.hpp"

namespace crier::hub {
namespace {

TEST_F(HomeTest, Answers_a_subscription_with_the_place_where_its_stream_starts) {
  subscribe(3, "a", 7);
  EXPECT_EQ(lines.take(), Text{"3 subscribed ep:0 a serial 7 for 4.5"});
  publish(1, "b");
  publish(1, "b");
  lines.take();
  subscribe(2, "a", 8);
  EXPECT_EQ(lines.take(), Text{"2 subscribed ep:0 a serial 8 for 4.5"}) << "where the home met the channel";
  subscribe(2, "c", 9);
  EXPECT_EQ(lines.take(), Text{"2 subscribed ep:2 c serial 9 for 4.5"}) << "never below what others had before";
  subscribe(2, plain, 10);
  EXPECT_EQ(lines.take(), Text{"2 subscribed nowhere plain:a serial 10 for 4.5"}) << "positions are of a history";
}

TEST_F(HomeTest, Sends_a_message_once_to_every_shard_that_has_subscriptions_then_answers_the_publisher) {
  subscribe(1, "a", 1);
  subscribe(1, "a", 2);
  subscribe(2, "a", 3);
  lines.take();
  publish(0, "a", {ReplyTag::Kind::part, 11, 12, {}});
  EXPECT_EQ(lines.take(), (Text{"1 message a 1 1", "2 message a 1 1", "0 published 1 tag 11/12 for 8.9"}));
}

TEST_F(HomeTest, Shows_a_position_only_where_there_is_a_history) {
  subscribe(1, "a", 1);
  subscribe(1, plain, 2);
  publish(0, "a");
  EXPECT_EQ(lines.last_message->position(), "ep:1");
  publish(0, plain);
  EXPECT_EQ(lines.last_message->position(), "");
  EXPECT_EQ(lines.last_message->offset(), 2U) << "its order is the same";
}

TEST_F(HomeTest, Gives_credit_for_exactly_what_an_unacknowledged_publish_took) {
  const std::size_t bytes = publish(3, "a");
  EXPECT_EQ(lines.take(), Text{"3 credit for 8.9"});
  EXPECT_EQ(lines.credit, bytes);
}

TEST_F(HomeTest, Counts_interest_for_each_subscription_and_forgets_the_channel_with_the_last) {
  for (std::uint32_t serial = 1; serial <= 3; ++serial) subscribe(1, plain, serial);
  subscribe(2, plain, 4);
  EXPECT_EQ(metrics.channels.value(), 1);
  unsubscribe(1, plain, 1);
  unsubscribe(2, plain, 4);
  unsubscribe(1, plain, 2);
  lines.take();
  publish(1, plain);
  EXPECT_EQ(lines.take()[0], "1 message plain:a 1 1");
  unsubscribe(1, plain, 3);
  EXPECT_EQ(metrics.channels.value(), 0);
  publish(1, plain);
  EXPECT_EQ(lines.take(), Text{"1 credit for 8.9"});
}

TEST_F(HomeTest, Counts_the_channels_that_have_subscribers_and_not_those_that_have_only_a_history) {
  publish(1, "a");
  EXPECT_EQ(metrics.channels.value(), 0);
  subscribe(1, "a", 1);
  EXPECT_EQ(metrics.channels.value(), 1);
  unsubscribe(1, "a", 1);
  EXPECT_EQ(metrics.channels.value(), 0);
  EXPECT_EQ(fetch("a", 0), "0 fetched 1 through 1#1 top") << "the history is still there";
}

TEST_F(HomeTest, Refuses_a_channel_over_its_limit_but_not_one_that_it_has) {
  limits.channels_max = 2;
  subscribe(1, "a", 1);
  subscribe(1, "b", 2);
  lines.take();
  subscribe(1, "c", 3);
  subscribe(2, "b", 4);
  EXPECT_EQ(lines.take(),
            (Text{"1 refused limit_exceeded c serial 3 for 4.5", "2 subscribed ep:0 b serial 4 for 4.5"}));
  unsubscribe(1, "a", 1);
  subscribe(1, "c", 5);
  EXPECT_EQ(lines.take(), Text{"1 refused limit_exceeded c serial 5 for 4.5"}) << "room is looked for once a tick";
  home().tick(now_ms);
  subscribe(1, "c", 6);
  EXPECT_EQ(lines.take(), Text{"1 subscribed ep:0 c serial 6 for 4.5"}) << "a only waited for somebody to come back";
}

TEST_F(HomeTest, Has_room_for_the_probe_beside_its_limit_whoever_was_first) {
  const std::string probe = std::string(internal_channel_prefix) + "1";
  limits.channels_max = 1;
  subscribe(1, probe, 1);
  subscribe(1, "a", 2);
  EXPECT_EQ(lines.take(),
            (Text{"1 subscribed ep:0 " + probe + " serial 1 for 4.5", "1 subscribed ep:0 a serial 2 for 4.5"}));
  subscribe(1, "b", 3);
  EXPECT_EQ(lines.take(), Text{"1 refused limit_exceeded b serial 3 for 4.5"});
  unsubscribe(1, probe, 1);
  subscribe(1, "c", 4);
  EXPECT_EQ(lines.take(), Text{"1 refused limit_exceeded c serial 4 for 4.5"});
  subscribe(1, probe, 5);
  EXPECT_EQ(lines.take(), Text{"1 subscribed ep:0 " + probe + " serial 5 for 4.5"});
}

TEST_F(HomeTest, Refuses_a_publish_that_would_make_a_channel_too_many_and_takes_one_that_leaves_nothing_behind) {
  limits.channels_max = 1;
  publish(1, "a");
  lines.take();
  const std::size_t bytes = publish(1, "b");
  EXPECT_EQ(lines.take(), Text{"1 refused limit_exceeded tag 0/0 for 8.9"});
  EXPECT_EQ(lines.credit, bytes) << "a refusal brings the credit back";
  publish(1, "plain:b", single());
  EXPECT_EQ(lines.take(), Text{"1 published 2 tag 0/0 for 8.9"});
  EXPECT_EQ(metrics.publishes_refused.value(), 1U);
}

TEST_F(HomeTest, Delivers_our_own_probes_without_counting_or_keeping_them) {
  const std::string channel = std::string(internal_channel_prefix) + "1";
  subscribe(1, channel, 1);
  say(1, channel, {.probe = true});
  EXPECT_EQ(metrics.channels.value(), 0);
  EXPECT_EQ(metrics.members.value(), 0);
  EXPECT_EQ(metrics.published.value(), 0U);
  EXPECT_EQ(metrics.history_bytes.value(), 0);
  EXPECT_EQ(lines.take()[1], std::string("1 message ").append(channel).append(" 1 1"));
  unsubscribe(1, channel, 1);
  EXPECT_EQ(metrics.channels.value(), 0);
  publish(1, "a");
  EXPECT_EQ(metrics.published.value(), 1U);
}

// --- patterns

TEST_F(HomeTest, Sends_a_message_once_to_a_shard_that_wants_it_both_by_name_and_by_patterns) {
  subscribe(1, "a.b", 1);
  for (const char* pattern : {"a.*", "a.>"}) handle(1, PatternRequest{{4, 5}, 2, pattern});
  handle(2, PatternRequest{{4, 5}, 3, "a.*"});
  handle(3, PatternRequest{{4, 5}, 4, "b.*"});
  EXPECT_EQ(lines.take(), (Text{"1 subscribed ep:0 a.b serial 1 for 4.5", "1 pattern a.* serial 2",
                                "1 pattern a.> serial 2", "2 pattern a.* serial 3", "3 pattern b.* serial 4"}));
  publish(0, "a.b");
  EXPECT_EQ(lines.take(), (Text{"1 message a.b 1 1", "2 message a.b 1 1", "0 credit for 8.9"}));
}

TEST_F(HomeTest, Counts_a_pattern_s_subscriptions_for_each_shard_and_forgets_it_with_the_last) {
  for (std::uint32_t serial = 1; serial <= 2; ++serial) handle(1, PatternRequest{{4, 5}, serial, "plain:*"});
  handle(2, PatternRequest{{4, 5}, 3, "plain:*"});
  handle(1, PatternRemoval{"plain:*"});
  handle(2, PatternRemoval{"plain:*"});
  lines.take();
  publish(0, plain);
  EXPECT_EQ(lines.take(), (Text{"1 message plain:a 1 1", "0 credit for 8.9"}));
  handle(1, PatternRemoval{"plain:*"});
  publish(0, plain);
  EXPECT_EQ(lines.take(), Text{"0 credit for 8.9"});
}

TEST_F(HomeTest, Refuses_a_pattern_over_its_limit_but_not_one_that_it_has) {
  limits.channels_max = 1;
  handle(1, PatternRequest{{4, 5}, 1, "a.*"});
  handle(1, PatternRequest{{4, 5}, 2, "b.*"});
  handle(2, PatternRequest{{4, 5}, 3, "a.*"});
  EXPECT_EQ(lines.take(), (Text{"1 pattern a.* serial 1", "1 pattern b.* serial 2 refused limit_exceeded",
                                "2 pattern a.* serial 3"}));
}

TEST_F(HomeTest, Keeps_our_own_probes_from_those_who_listen_to_everything) {
  handle(2, PatternRequest{{4, 5}, 1, ">"});
  lines.take();
  say(1, std::string(internal_channel_prefix) + "1", {.probe = true});
  publish(1, "a");
  EXPECT_EQ(lines.take(), (Text{"1 credit for 8.9", "2 message a 2 1", "1 credit for 8.9"}));
}

using HomeDeathTest = HomeTest;
TEST_F(HomeDeathTest, Takes_an_unsubscribe_that_nobody_counted_for_a_bug) {
  EXPECT_DEATH(unsubscribe(1, "a", 1), "invariant broken");
  EXPECT_DEATH(handle(1, PatternRemoval{"a.*"}), "invariant broken");
}

}  // namespace
}  // namespace crier::hub
