// Who subscribes, and how a turn's messages reach them.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/broker/hub/subscriber_table_fixture.hpp"

namespace crier::hub {
namespace {

using Listener = TableListener;

TEST_F(SubscriberTableTest, Hands_all_subscribers_of_one_form_the_same_chunk_for_a_whole_turn) {
  Listener first(1);
  Listener second(2);
  live(first);
  live(second);
  say("1");
  say("2");
  ASSERT_EQ(first.chunks.size(), 1U);
  ASSERT_EQ(second.chunks.size(), 1U);
  EXPECT_EQ(&*first.chunks[0], &*second.chunks[0]);
  EXPECT_EQ(first.heard(), "12");
  EXPECT_EQ(table.turn_bytes(), first.chunks[0]->bytes.size());
  table.end_turn();
  EXPECT_EQ(table.turn_bytes(), 0U);
  say("3");
  ASSERT_EQ(first.chunks.size(), 2U);
  EXPECT_EQ(first.heard(), "123");
  EXPECT_EQ(metrics.delivered.value(), 6U);
}

TEST_F(SubscriberTableTest, Encodes_each_form_only_for_those_who_read_it) {
  Listener plain(1);
  Listener compressed(2, WireForm::json_deflate_small);
  live(plain);
  live(compressed);
  say('"' + std::string(500, 'x') + '"');
  ASSERT_EQ(plain.chunks.size(), 1U);
  ASSERT_EQ(compressed.chunks.size(), 1U);
  EXPECT_FALSE(testing::read_server_frames(plain.chunks[0]->bytes)[0].compressed);
  EXPECT_TRUE(testing::read_server_frames(compressed.chunks[0]->bytes)[0].compressed);
  EXPECT_EQ(testing::read_texts(plain.chunks[0]->bytes), testing::read_texts(compressed.chunks[0]->bytes));
  EXPECT_EQ(table.turn_bytes(), plain.chunks[0]->bytes.size() + compressed.chunks[0]->bytes.size());
}

TEST_F(SubscriberTableTest, Gives_a_pending_subscription_nothing_until_it_is_live) {
  Listener old_one(1);
  Listener new_one(2);
  live(old_one);
  Subscription& waiting = pending(new_one);
  say("1");
  table.make_live(waiting);
  say("2");
  EXPECT_EQ(old_one.heard(), "12");
  EXPECT_EQ(new_one.heard(), "2");
}

TEST_F(SubscriberTableTest, Gives_a_removed_subscription_nothing_more_in_the_middle_of_a_turn) {
  Listener first(1);
  Listener second(2);
  Listener third(3);
  Subscription& leaves = live(first);
  live(second);
  live(third);
  say("1");
  remove(leaves);
  say("2");
  EXPECT_EQ(first.heard(), "1");
  EXPECT_EQ(second.heard(), "12");
  EXPECT_EQ(third.heard(), "12");
}

TEST_F(SubscriberTableTest, Keeps_the_right_ones_whoever_is_removed_in_whatever_order) {
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do {
    Listener a(1), b(2), c(3), d(4);
    Listener* const all[] = {&a, &b, &c, &d};
    Subscription* places[] = {&live(a), &live(b), &live(c), &live(d)};
    for (std::size_t gone = 0; gone < 4; ++gone) {
      say("1");
      remove(*places[order[gone]]);
      for (std::size_t at = 0; at < 4; ++at) {
        const bool left_before = std::find(order.begin(), order.begin() + static_cast<long>(gone), at) <
                                 order.begin() + static_cast<long>(gone);
        EXPECT_EQ(all[at]->heard().size() == gone + 1, !left_before);
      }
    }
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(metrics.subscriptions.value(), 0);
    table.end_turn();
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(SubscriberTableTest, Keeps_excluded_messages_out_of_the_chunks_that_others_share) {
  Listener publisher(1);
  Listener other(2);
  live(publisher);
  live(other);
  say("1");
  say("2", "a", {.echo_off = &publisher.id()});
  say("3");
  EXPECT_EQ(publisher.heard(), "13");
  EXPECT_EQ(other.heard(), "123");
  EXPECT_EQ(metrics.delivered.value(), 5U);
}

TEST_F(SubscriberTableTest, Delivers_to_the_message_s_channel_alone) {
  Listener a(1);
  Listener b(2);
  live(a, "a");
  live(b, "b");
  live(b, "c");
  say("1", "a");
  say("2", "b");
  say("3", "c");
  say("4", "b");
  say("5", "nobody");
  EXPECT_EQ(a.heard(), "1");
  EXPECT_EQ(b.heard(), "243");  // one chunk a channel; only the order within a channel is promised
}

TEST_F(SubscriberTableTest, Never_repeats_a_serial) {
  Listener listener(1);
  Subscription& first = live(listener);
  const std::uint32_t serial = first.serial;
  remove(first);
  Subscription& second = live(listener);
  EXPECT_NE(second.serial, serial);
  remove(second);
}

// --- patterns

TEST_F(SubscriberTableTest, Delivers_for_each_subscription_by_itself_by_name_and_by_every_pattern_that_matches) {
  Listener listener(1);
  live(listener, "a.b");
  live(listener, "a.*");
  live(listener, "a.>");
  live(listener, "b.*");
  say("1", "a.b");
  ASSERT_EQ(listener.chunks.size(), 3U);
  std::vector<std::string> texts;
  for (const ChunkPtr& chunk : listener.chunks) texts.push_back(testing::read_texts(chunk->bytes).at(0));
  std::sort(texts.begin(), texts.end());
  EXPECT_EQ(texts[0].substr(0, 43), R"({"op":"message","channel":"a.b","data":1,"p)");
  EXPECT_EQ(texts[1].substr(0, 56), R"({"op":"message","channel":"a.b","pattern":"a.*","data":1)");
  EXPECT_EQ(texts[2].substr(0, 56), R"({"op":"message","channel":"a.b","pattern":"a.>","data":1)");
  EXPECT_EQ(metrics.delivered.value(), 3U);
}

TEST_F(SubscriberTableTest, Gathers_a_pattern_s_messages_of_all_channels_of_a_turn_in_one_chunk_in_their_order) {
  Listener first(1);
  Listener second(2);
  live(first, "a.*");
  live(second, "a.*");
  say("1", "a.b");
  say("2", "a.c");
  say("3", "a.b");
  say("4", "b.b");
  ASSERT_EQ(first.chunks.size(), 1U);
  EXPECT_EQ(&*first.chunks[0], &*second.chunks[0]);
  EXPECT_EQ(first.heard(), "123");
}

TEST_F(SubscriberTableTest, Keeps_our_own_probes_from_patterns) {
  Listener listener(1);
  live(listener, ">");
  say("1", std::string(internal_channel_prefix) + "1", {.probe = true});
  say("2", "a");
  EXPECT_EQ(listener.heard(), "2");
}

// --- events

TEST_F(SubscriberTableTest, Gives_a_stream_of_events_each_message_alone_and_all_streams_the_same_bytes) {
  Listener stream(1, WireForm::sse);
  Listener other(2, WireForm::sse);
  Listener socket(3);
  live(stream);
  live(other);
  live(socket);
  say("1");
  say("2");
  EXPECT_EQ(stream.events, (std::vector<std::string>{"a 1", "a 2"}));
  ASSERT_EQ(stream.chunks.size(), 2U);
  EXPECT_EQ(&*stream.chunks[0], &*other.chunks[0]);
  EXPECT_EQ(stream.chunks[0]->bytes.find("id:"), std::string::npos) << "which differs from stream to stream";
  EXPECT_EQ(stream.chunks[0]->bytes.substr(0, 15), "event: message\n");
  EXPECT_EQ(socket.heard(), "12");
  EXPECT_EQ(metrics.delivered.value(), 6U);
}

TEST_F(SubscriberTableTest, Gives_no_event_to_a_stream_that_the_message_excludes) {
  Listener stream(1, WireForm::sse);
  live(stream);
  say("1", "a", {.exclude = &stream.id()});
  say("2");
  EXPECT_EQ(stream.events, std::vector<std::string>{"a 2"});
}

}  // namespace
}  // namespace crier::hub
