// Back-pressure between shards: what waits, what never does, and that everything comes back.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_subscriber.hpp"

namespace crier::testing {
namespace {

const std::string kilobyte = '"' + std::string(1000, 'x') + '"';
constexpr std::size_t block_bytes = 1500;  // more than such a message costs

TEST(DeliveryCredit, Requests_wait_at_their_home_while_a_lane_is_full_and_all_are_served_in_the_end) {
  FakeHall hall({.shards = 2, .lane_bytes_max = 8000});
  const std::string channel = hall.world.channel_at(1);
  FakeSubscriber& subscriber = hall.enter(0);
  FakeSubscriber& publisher = hall.enter(1);
  subscriber.subscribe(channel);
  ASSERT_TRUE(hall.world.settle());
  for (int i = 0; i < 100; ++i) publisher.publish(channel, kilobyte, /*silent=*/true);
  for (int turn = 0; turn < 5; ++turn) {
    hall.world.turn_alone(1);
    EXPECT_LE(hall.world.delivery_bytes(0, 1), 8000 + block_bytes);
    EXPECT_GT(hall.world.delivery_bytes(0, 1), 8000U);
    EXPECT_GT(hall.world.metrics(1).requests_waiting.value(), 80);
    EXPECT_GT(publisher.inflight_bytes(), 80 * 1000U) << "credit for what was not taken yet";
  }
  ASSERT_TRUE(hall.world.settle());
  EXPECT_EQ(subscriber.heard().size(), 100U);
  EXPECT_EQ(hall.world.requests_waiting(), 0);
  EXPECT_EQ(publisher.inflight_bytes(), 0U);
}

TEST(DeliveryCredit, Deliveries_and_answers_are_taken_although_the_shard_that_takes_them_is_held_back) {
  FakeHall hall({.shards = 2, .lane_bytes_max = 8000});
  const std::string there = hall.world.channel_at(1);
  const std::string here = hall.world.channel_at(0);
  FakeSubscriber& at_0 = hall.enter(0);
  FakeSubscriber& at_1 = hall.enter(1);
  at_0.subscribe(there);
  at_1.subscribe(here);
  ASSERT_TRUE(hall.world.settle());
  for (int i = 0; i < 100; ++i) at_1.publish(there, kilobyte);
  hall.world.turn_alone(1);
  ASSERT_GT(hall.world.metrics(1).requests_waiting.value(), 0);
  at_0.publish(here, "1");
  hall.world.turn_alone(0);
  ASSERT_EQ(hall.world.batches_waiting(1, 0), 1U);
  hall.world.take_one_batch(1, 0);
  EXPECT_GT(hall.world.metrics(1).requests_waiting.value(), 0) << "the lane must still be full";
  EXPECT_EQ(at_1.data(), std::vector<std::string>{"1"});
  ASSERT_TRUE(hall.world.settle());
  EXPECT_EQ(at_0.heard().size(), 100U);
}

TEST(DeliveryCredit, Leaving_and_dying_need_no_credit_and_what_they_held_back_goes_on) {
  FakeHall hall({.shards = 2, .lane_bytes_max = 2000});
  const std::string channel = hall.world.channel_at(1);
  FakeSubscriber& subscriber = hall.enter(0);
  FakeSubscriber& publisher = hall.enter(1);
  subscriber.subscribe(channel);
  ASSERT_TRUE(hall.world.settle());
  for (int i = 0; i < 50; ++i) publisher.publish(channel, kilobyte, /*silent=*/true);
  hall.world.turn_alone(1);
  subscriber.die();
  publisher.die();
  ASSERT_TRUE(hall.world.settle());
  EXPECT_EQ(hall.world.published(), 50);
  EXPECT_EQ(hall.world.channels(), 0);
  EXPECT_EQ(hall.world.requests_waiting(), 0);
}

TEST(DeliveryCredit, Shards_that_publish_at_each_other_flat_out_never_stop_each_other) {
  for (hub::ShardId shards = 2; shards <= 4; ++shards) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE("shards " + std::to_string(shards) + ", seed " + std::to_string(seed));
      FakeHall hall({.shards = shards, .seed = seed, .inflight_bytes_max = 20'000, .lane_bytes_max = 3000});
      // Everybody hears every channel, and publishes to the next shard's.
      std::vector<std::string> channels;
      for (std::size_t id = 0; id < shards; ++id) {
        channels.push_back(hall.world.channel_at(id));
        hall.enter(id);
      }
      for (const auto& one : hall.subscribers) {
        for (const std::string& channel : channels) one->subscribe(channel);
      }
      ASSERT_TRUE(hall.world.settle());
      std::vector<std::size_t> left(shards, 60);
      for (std::size_t silence = 0; silence < 100'000;) {
        bool all_published = true;
        for (std::size_t id = 0; id < shards; ++id) {
          FakeSubscriber& one = *hall.subscribers[id];
          // As a session does: it stops at its limit, until credit comes back.
          while (left[id] > 0 && one.inflight_bytes() <= 20'000) {
            one.publish(channels[(id + 1) % shards], kilobyte, /*silent=*/left[id] % 2 == 0);
            --left[id];
          }
          all_published &= left[id] == 0;
        }
        ++silence;
        const bool moved = hall.world.step();
        ASSERT_TRUE(moved || all_published) << "at rest with publishers still paused";
        if (!moved) break;
      }
      for (const auto& one : hall.subscribers) {
        for (const FakeSubscriber::Stay& stay : one->stays()) EXPECT_EQ(stay.heard.size(), 60U);
        EXPECT_LE(one->inflight_bytes(), 10'000U);
      }
      if (HasFailure()) return;
    }
  }
}

TEST(DeliveryCredit, Credit_that_is_held_back_for_company_never_leaves_a_session_paused) {
  for (hub::ShardId shards = 1; shards <= 4; ++shards) {
    for (std::uint64_t seed = 1; seed <= 15; ++seed) {
      SCOPED_TRACE("shards " + std::to_string(shards) + ", seed " + std::to_string(seed));
      constexpr std::size_t inflight_max = 16'000;
      FakeHall hall({.shards = shards, .seed = seed, .inflight_bytes_max = inflight_max});
      for (std::size_t id = 0; id < shards; ++id) {
        hall.enter(id);
        hall.enter(id);
      }
      Chance& chance = hall.world.chance();
      for (int round = 0; round < 20; ++round) {
        // Nobody subscribes and nothing is acknowledged, so nothing but credit ever travels back.
        for (const auto& one : hall.subscribers) {
          while (one->inflight_bytes() <= inflight_max) {
            const std::string data(chance.below(600), '1');
            one->publish(hall.world.channel_at(chance.below(shards)), "1" + data, /*silent=*/true);
          }
        }
        ASSERT_TRUE(hall.world.settle());
        for (const auto& one : hall.subscribers) ASSERT_LE(one->inflight_bytes(), inflight_max / 2);
      }
    }
  }
}

TEST(DeliveryCredit, A_lone_silent_publish_does_not_wake_the_publishers_shard) {
  FakeHall hall({.shards = 2});
  FakeSubscriber& publisher = hall.enter(0);
  publisher.publish(hall.world.channel_at(1), "1", /*silent=*/true);
  hall.world.turn_alone(0);
  hall.world.take_one_batch(1, 0);
  EXPECT_EQ(hall.world.batches_waiting(0, 1), 0U);
  EXPECT_GT(publisher.inflight_bytes(), 0U);
  publisher.publish(hall.world.channel_at(1), "2");  // the answer takes the credit along
  ASSERT_TRUE(hall.world.settle());
  EXPECT_EQ(publisher.inflight_bytes(), 0U);
}

}  // namespace
}  // namespace crier::testing
