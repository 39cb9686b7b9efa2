#include "broker/hub/home.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crier::hub {
namespace {

// Writes down what a home sends, one line each: "2 message a 5 data".
class Lines final : public DeliveryLanes {
 public:
  void send_message(ShardId to, const MessagePtr& message) override {
    lines.push_back(std::to_string(to) + " message " + std::string(message->channel()) + " " +
                    std::to_string(message->offset()) + " " + std::string(message->data_json()));
  }
  void send_answer(ShardId to, Delivery answer) override {
    const std::string start = std::to_string(to) + " ";
    if (const auto* const published = std::get_if<PublishAnswer>(&answer)) {
      lines.push_back(start + "published " + std::to_string(published->message->offset()) + " tag " +
                      std::to_string(published->tag.group) + "/" + std::to_string(published->tag.index) + " for " +
                      name(published->session));
    } else if (const auto* const subscribed = std::get_if<SubscribeAnswer>(&answer)) {
      lines.push_back(start +
                      (subscribed->start ? "subscribed " + subscribed->start->text()
                                         : "refused " + std::string(to_string(subscribed->start.error().code))) +
                      " " + subscribed->channel + " serial " + std::to_string(subscribed->serial) + " for " +
                      name(subscribed->session));
    }
  }
  void send_credit(ShardId to, SessionRef session, std::size_t bytes) override {
    lines.push_back(std::to_string(to) + " credit for " + name(session));
    credit = bytes;
  }
  std::vector<std::string> take() { return std::exchange(lines, {}); }

  std::vector<std::string> lines;
  std::size_t credit = 0;

 private:
  static std::string name(SessionRef session) {
    return std::to_string(session.slot) + "." + std::to_string(session.generation);
  }
};

class HomeTest : public ::testing::Test {
 protected:
  void subscribe(ShardId from, const std::string& channel, std::uint32_t serial) {
    Request request = SubscribeRequest{{4, 5}, serial, hash_of(channel), channel};
    home.handle(from, request, 99);
  }
  void unsubscribe(ShardId from, const std::string& channel) {
    Request request = UnsubscribeRequest{hash_of(channel), channel};
    home.handle(from, request, 99);
  }
  std::size_t publish(ShardId from, const std::string& channel, ReplyTag tag = {}, bool probe = false) {
    PublishRequest publish{{8, 9}, MessageDraft(channel, hash_of(channel), "1", {.probe = probe}), std::move(tag)};
    const std::size_t bytes = publish.draft->bytes();
    Request request = std::move(publish);
    home.handle(from, request, 99);
    return bytes;
  }

  using Text = std::vector<std::string>;
  Lines lines;
  runtime::ThreadMetrics metrics;
  Home home{"ep", 2, lines, metrics};
};

TEST_F(HomeTest, Answers_a_subscription_with_the_place_where_its_stream_starts) {
  subscribe(3, "a", 7);
  EXPECT_EQ(lines.take(), Text{"3 subscribed ep:0 a serial 7 for 4.5"});
  publish(1, "b");
  publish(1, "b");
  lines.take();
  subscribe(2, "a", 8);
  EXPECT_EQ(lines.take(), Text{"2 subscribed ep:2 a serial 8 for 4.5"});
}

TEST_F(HomeTest, Sends_a_message_once_to_every_shard_that_has_subscriptions_then_answers_the_publisher) {
  subscribe(1, "a", 1);
  subscribe(1, "a", 2);
  subscribe(2, "a", 3);
  lines.take();
  publish(0, "a", {ReplyTag::Kind::part, 11, 12, {}});
  EXPECT_EQ(lines.take(), (Text{"1 message a 1 1", "2 message a 1 1", "0 published 1 tag 11/12 for 8.9"}));
}

TEST_F(HomeTest, Gives_credit_for_exactly_what_an_unacknowledged_publish_took) {
  const std::size_t bytes = publish(3, "a");
  EXPECT_EQ(lines.take(), Text{"3 credit for 8.9"});
  EXPECT_EQ(lines.credit, bytes);
}

TEST_F(HomeTest, Counts_interest_for_each_subscription_and_forgets_the_channel_with_the_last) {
  for (std::uint32_t serial = 1; serial <= 3; ++serial) subscribe(1, "a", serial);
  subscribe(2, "a", 4);
  EXPECT_EQ(metrics.channels.value(), 1);
  unsubscribe(1, "a");
  unsubscribe(2, "a");
  unsubscribe(1, "a");
  lines.take();
  publish(1, "a");
  EXPECT_EQ(lines.take()[0], "1 message a 1 1");
  unsubscribe(1, "a");
  EXPECT_EQ(metrics.channels.value(), 0);
  publish(1, "a");
  EXPECT_EQ(lines.take(), Text{"1 credit for 8.9"});
}

TEST_F(HomeTest, Refuses_a_channel_over_its_limit_but_not_one_that_it_has) {
  subscribe(1, "a", 1);
  subscribe(1, "b", 2);
  lines.take();
  subscribe(1, "c", 3);
  subscribe(2, "b", 4);
  EXPECT_EQ(lines.take(),
            (Text{"1 refused limit_exceeded c serial 3 for 4.5", "2 subscribed ep:0 b serial 4 for 4.5"}));
  unsubscribe(1, "a");
  subscribe(1, "c", 5);
  EXPECT_EQ(lines.take(), Text{"1 subscribed ep:0 c serial 5 for 4.5"});
}

TEST_F(HomeTest, Delivers_our_own_probes_without_counting_them) {
  const std::string channel = std::string(internal_channel_prefix) + "1";
  subscribe(1, channel, 1);
  publish(1, channel, {}, /*probe=*/true);
  EXPECT_EQ(metrics.channels.value(), 0);
  EXPECT_EQ(metrics.published.value(), 0U);
  EXPECT_EQ(lines.take()[1], "1 message " + channel + " 1 1");
  unsubscribe(1, channel);
  EXPECT_EQ(metrics.channels.value(), 0);
  publish(1, "a");
  EXPECT_EQ(metrics.published.value(), 1U);
}

using HomeDeathTest = HomeTest;
TEST_F(HomeDeathTest, Takes_an_unsubscribe_that_nobody_counted_for_a_bug) {
  EXPECT_DEATH(unsubscribe(1, "a"), "invariant broken");
}

}  // namespace
}  // namespace crier::hub
