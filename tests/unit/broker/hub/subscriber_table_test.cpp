#include "broker/hub/subscriber_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/server_frames.hpp"

namespace crier::hub {
namespace {

// Keeps the chunks that it gets.
class Listener final : public Subscriber {
 public:
  explicit Listener(std::uint64_t name, WireForm form = WireForm::json) {
    id_ = {name, name};
    form_ = form;
  }
  void deliver(const ChunkPtr& chunk) override { chunks.push_back(chunk); }
  [[nodiscard]] bool on_subscribed(std::uint32_t, const Result<command::Position>&) override { return false; }
  void on_published(ReplyTag&, const Message&) override {}
  void on_credit(std::size_t) override {}
  // The data of all messages, which are single characters here.
  [[nodiscard]] std::string heard() const {
    std::string data;
    for (const ChunkPtr& chunk : chunks) {
      for (const std::string& text : testing::read_texts(chunk->bytes)) data += text.at(text.find("\"data\":") + 7);
    }
    return data;
  }

  std::vector<ChunkPtr> chunks;
};

class SubscriberTableTest : public ::testing::Test {
 protected:
  Subscription& pending(Listener& listener, std::string_view channel = "a") {
    subscriptions.push_back(&table.add(listener, channel, hash_of(channel)));
    return *subscriptions.back();
  }
  Subscription& live(Listener& listener, std::string_view channel = "a") {
    Subscription& subscription = pending(listener, channel);
    table.make_live(subscription);
    return subscription;
  }
  void remove(Subscription& subscription) {
    std::erase(subscriptions, &subscription);
    table.remove(subscription);
  }
  void say(std::string_view data, std::string_view channel = "a", const MessageOptions& options = {}) {
    table.deliver(*MessageDraft(channel, hash_of(channel), data, options).seal({"e", ++offset, offset, 1}));
  }
  void TearDown() override {
    while (!subscriptions.empty()) remove(*subscriptions.back());
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(metrics.subscriptions.value(), 0);
  }

  runtime::ThreadMetrics metrics;
  ChunkPool pool;
  FrameEncoder encoder{{.bytes_min = 1, .level = 1}};
  SubscriberTable table{pool, encoder, metrics};
  std::uint64_t offset = 0;
  std::vector<Subscription*> subscriptions;
};

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

}  // namespace
}  // namespace crier::hub
