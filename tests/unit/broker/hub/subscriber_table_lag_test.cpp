// Who lags, how it catches up, and what the shard tells its subscribers beside messages.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/broker/hub/subscriber_table_fixture.hpp"

namespace crier::hub {
namespace {

using Listener = TableListener;

// --- who lags

TEST_F(SubscriberTableTest, Lets_nobody_lag_where_nothing_came_or_where_the_namespace_wants_a_disconnect) {
  Listener listener(1);
  Subscription& quiet = live(listener, "lossy:a");
  EXPECT_FALSE(table.lag(quiet)) << "nothing has come that could have been too much";
  Subscription& strict = live(listener, "strict:a");
  say("1", "strict:a");
  EXPECT_FALSE(table.lag(strict));
  Subscription& waiting = pending(listener, "lossy:b");
  say("1", "lossy:b");
  EXPECT_FALSE(table.lag(waiting));
  EXPECT_EQ(metrics.lags.value(), 0U);
}

TEST_F(SubscriberTableTest, Lets_a_subscriber_hold_its_place_in_a_history_and_nothing_else) {
  Listener slow(1);
  Listener fast(2);
  Subscription& lagging = live(slow, "shallow:a");
  live(fast, "shallow:a");
  say("1", "shallow:a");
  say("2", "shallow:a");
  EXPECT_TRUE(table.lag(lagging));
  EXPECT_FALSE(table.lag(lagging)) << "it does already";
  ASSERT_TRUE(lagging.catch_up);
  EXPECT_EQ(lagging.catch_up->after, 2U);
  EXPECT_EQ(lagging.catch_up->number, 2U);
  EXPECT_FALSE(lagging.catch_up->backlog);
  EXPECT_EQ(metrics.lagging.value(), 1);
  for (int i = 0; i < 9; ++i) say("3", "shallow:a");
  EXPECT_EQ(slow.heard(), "12");
  EXPECT_EQ(table.backlog_bytes(), 0U);
  table.make_live(lagging);
  say("4", "shallow:a");
  EXPECT_EQ(slow.heard(), "124");
  EXPECT_EQ(fast.heard(), "123333333334");
}

TEST_F(SubscriberTableTest, Shares_one_backlog_among_all_who_lag_where_there_is_no_history) {
  Listener a(1);
  Listener b(2);
  Listener fast(3);
  Subscription& first = live(a, "lossy:a");
  Subscription& second = live(b, "lossy:a");
  live(fast, "lossy:a");
  say("1", "lossy:a");
  EXPECT_TRUE(table.lag(first));
  EXPECT_TRUE(first.catch_up->backlog);
  say("2", "lossy:a");
  const std::size_t bytes = table.backlog_bytes();
  EXPECT_GT(bytes, 0U);
  EXPECT_TRUE(table.lag(second));
  EXPECT_EQ(table.backlog_bytes(), bytes);
  say("3", "lossy:a");
  EXPECT_EQ(read(first, 1), "2");
  EXPECT_EQ(first.state, Subscription::State::catching_up);
  say("4", "lossy:a");
  EXPECT_EQ(read(first), "34.");
  EXPECT_TRUE(first.live());
  say("5", "lossy:a");
  EXPECT_EQ(a.heard(), "15") << "beside what it has read";
  EXPECT_EQ(read(second), "345.");
  EXPECT_EQ(table.backlog_bytes(), 0U) << "nobody lags any more";
  EXPECT_EQ(fast.heard(), "12345");
}

TEST_F(SubscriberTableTest, Keeps_the_newest_of_each_key_for_those_who_lag_where_messages_may_stand_in_for_others) {
  for (const char* channel : {"latest:a", "newest:a"}) {
    Listener slow(1);
    Subscription& lagging = live(slow, channel);
    say("0", channel);
    EXPECT_TRUE(table.lag(lagging));
    EXPECT_TRUE(lagging.catch_up->backlog) << "a history would bring them all";
    say("1", channel, {.conflate_key = "x"});
    say("2", channel, {.conflate_key = "y"});
    say("3", channel, {.conflate_key = "x"});
    say("4", channel, {.conflate_key = "x"});
    EXPECT_EQ(read(lagging), "(1c)2(1c)4.");
    remove(lagging);
  }
}

TEST_F(SubscriberTableTest, Lets_a_pattern_s_subscriber_catch_up_from_a_backlog_too) {
  Listener slow(1);
  Subscription& lagging = live(slow, "shallow:*");
  say("1", "shallow:a");
  EXPECT_TRUE(table.lag(lagging));
  EXPECT_TRUE(lagging.catch_up->backlog) << "its channels live at many homes";
  say("2", "shallow:b");
  say("3", "shallow:a");
  EXPECT_EQ(read(lagging), "23.");
}

TEST_F(SubscriberTableTest, Frees_a_backlog_with_the_last_who_reads_it_also_by_leaving) {
  Listener slow(1);
  Subscription& lagging = live(slow, "lossy:a");
  say("1", "lossy:a");
  EXPECT_TRUE(table.lag(lagging));
  say("2", "lossy:a");
  remove(lagging);
  EXPECT_EQ(table.backlog_bytes(), 0U);
  EXPECT_EQ(metrics.lagging.value(), 0);
}

class SmallBacklogTest : public SubscriberTableTest {
 protected:
  SmallBacklogTest() : SubscriberTableTest({.topic_bytes_max = 3000, .total_bytes_max = 5000}) {}
  const std::string kilobyte = std::string(1000, '7');
};

TEST_F(SmallBacklogTest, Drops_the_oldest_of_a_topic_over_its_limit_and_tells_how_many) {
  Listener slow(1);
  Subscription& lagging = live(slow, "lossy:a");
  say("1", "lossy:a");
  EXPECT_TRUE(table.lag(lagging));
  for (int i = 0; i < 5; ++i) say(kilobyte, "lossy:a");
  EXPECT_LE(table.backlog_bytes(), 3000U);
  const std::string got = read(lagging);
  EXPECT_EQ(got.substr(0, 3), "(3)");
  EXPECT_EQ(got.size(), 3 + 2 * 1000 + 1U);
}

TEST_F(SmallBacklogTest, Lets_the_topic_that_grows_make_room_for_itself_not_the_quiet_ones) {
  Listener slow(1);
  Subscription& quiet = live(slow, "lossy:a");
  Subscription& busy = live(slow, "lossy:b");
  say("1", "lossy:a");
  say("1", "lossy:b");
  EXPECT_TRUE(table.lag(quiet));
  EXPECT_TRUE(table.lag(busy));
  say(kilobyte, "lossy:a");
  say(kilobyte, "lossy:a");
  for (int i = 0; i < 9; ++i) say(kilobyte, "lossy:b");
  EXPECT_LE(table.backlog_bytes(), 5000U);
  EXPECT_EQ(read(quiet).size(), 2001U);
  EXPECT_EQ(read(busy).substr(0, 3), "(8)");
}

TEST_F(SubscriberTableTest, Ends_who_lags_behind_a_history_that_no_longer_reaches_back_under_disconnect) {
  Listener slow(1);
  Subscription& lagging = live(slow, "deep:a");  // three messages
  say("1", "deep:a");
  EXPECT_TRUE(table.lag(lagging));
  for (int i = 0; i < 3; ++i) {
    table.end_turn();
    say("2", "deep:a");
  }
  EXPECT_EQ(slow.lost, std::vector<std::uint32_t>{}) << "all three are still in the history";
  table.end_turn();
  say("3", "deep:a");
  EXPECT_EQ(slow.lost, std::vector<std::uint32_t>{lagging.serial});
}

TEST_F(SubscriberTableTest, Ends_nobody_who_is_new_or_whose_namespace_drops_for_what_passes_meanwhile) {
  Listener replays(1);
  Listener drops(2);
  Subscription& fresh = pending(replays, "deep:a");
  table.start_replay(fresh, 0, 0);
  Subscription& lagging = live(drops, "shallow:a");
  say("0", "shallow:a");
  EXPECT_TRUE(table.lag(lagging));
  for (int i = 0; i < 9; ++i) {
    table.end_turn();
    say("1", "deep:a");
    say("1", "shallow:a");
  }
  EXPECT_TRUE(replays.lost.empty());
  EXPECT_TRUE(drops.lost.empty());
  EXPECT_EQ(replays.heard(), "");
}

// --- presence

TEST_F(SubscriberTableTest, Tells_of_members_only_those_who_watch_and_are_live) {
  Listener watcher(1);
  Listener other(2);
  Listener late(3);
  live(watcher).watching = 1;
  live(other);
  Subscription& waiting = pending(late);
  waiting.watching = 1;
  table.deliver_presence(event(PresenceEvent::Kind::join, 7));
  table.deliver_presence(event(PresenceEvent::Kind::leave, 7));
  table.deliver_presence(event(PresenceEvent::Kind::count, 5));
  ASSERT_EQ(watcher.chunks.size(), 1U) << "one chunk for all";
  const std::vector<std::string> texts = testing::read_texts(watcher.chunks[0]->bytes);
  ASSERT_EQ(texts.size(), 3U);
  const std::string member = SessionId{7, 0}.text();
  EXPECT_EQ(texts[0], std::string(R"({"op":"join","channel":"a","member":{"session":")").append(member).append("\"}}"));
  EXPECT_EQ(texts[1].substr(0, 27), R"({"op":"leave","channel":"a")");
  EXPECT_EQ(texts[2], R"({"op":"presence","channel":"a","count":5})");
  EXPECT_TRUE(other.chunks.empty());
  EXPECT_TRUE(late.chunks.empty());
  EXPECT_EQ(waiting.presence_stale, 0U) << "its answer will bring the members";
  EXPECT_EQ(metrics.delivered.value(), 0U);
}

TEST_F(SubscriberTableTest, Keeps_the_order_of_messages_and_of_who_comes_and_goes) {
  Listener watcher(1);
  live(watcher).watching = 1;
  say("1");
  table.deliver_presence(event(PresenceEvent::Kind::join, 7));
  say("2");
  std::string order;
  for (const ChunkPtr& chunk : watcher.chunks) {
    for (const std::string& text : testing::read_texts(chunk->bytes)) order += text.at(7);
  }
  EXPECT_EQ(order, "mjm");
}

TEST_F(SubscriberTableTest, Tells_a_watcher_that_lagged_nothing_more_of_members_until_it_has_them_anew) {
  Listener watcher(1);
  Subscription& subscription = live(watcher, "shallow:a");
  subscription.watching = 1;
  say("1", "shallow:a");
  EXPECT_TRUE(table.lag(subscription));
  table.deliver_presence(event(PresenceEvent::Kind::join, 7, "shallow:a"));
  EXPECT_EQ(subscription.presence_stale, 1U);
  table.make_live(subscription);
  table.deliver_presence(event(PresenceEvent::Kind::leave, 7, "shallow:a"));
  EXPECT_EQ(watcher.chunks.size(), 1U) << "a leave without its join";
  say("2", "shallow:a");
  EXPECT_EQ(watcher.heard(), "12") << "messages are another matter";
  table.refresh_presence(subscription);
  table.deliver_presence(event(PresenceEvent::Kind::join, 8, "shallow:a"));
  EXPECT_EQ(watcher.chunks.size(), 3U);
}

TEST_F(SubscriberTableTest, Leaves_a_watcher_fresh_that_lagged_while_nobody_came_or_went) {
  Listener watcher(1);
  Subscription& subscription = live(watcher, "shallow:a");
  subscription.watching = 1;
  say("1", "shallow:a");
  EXPECT_TRUE(table.lag(subscription));
  table.make_live(subscription);
  EXPECT_EQ(subscription.presence_stale, 0U);
}

TEST_F(SubscriberTableTest, Gives_streams_of_events_who_comes_and_goes_in_chunks_that_they_share) {
  Listener stream(1, WireForm::sse);
  Listener other(2, WireForm::sse);
  live(stream).watching = 1;
  live(other).watching = 1;
  table.deliver_presence(event(PresenceEvent::Kind::join, 7));
  ASSERT_EQ(stream.chunks.size(), 1U);
  EXPECT_EQ(&*stream.chunks[0], &*other.chunks[0]);
  EXPECT_EQ(stream.chunks[0]->bytes.substr(0, 12), "event: join\n");
}

// --- epochs

TEST_F(SubscriberTableTest, Tells_those_who_are_live_of_a_new_epoch) {
  Listener first(1);
  Listener late(2);
  live(first);
  pending(late);
  live(late, "b");
  table.change_epoch({hash_of("a"), "a", {"new", 9}});
  table.change_epoch({hash_of("nobody"), "nobody", {"new", 9}});
  EXPECT_EQ(first.epochs, std::vector<std::string>{"new:9"});
  EXPECT_TRUE(late.epochs.empty());
}

}  // namespace
}  // namespace crier::hub
