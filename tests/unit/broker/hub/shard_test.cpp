#include "broker/hub/shard.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/support/server_frames.hpp"

namespace crier::hub {
namespace {

class Recorder final : public Surroundings {
 public:
  void post(ShardId to, std::unique_ptr<Batch> batch) override { posted.push_back({to, std::move(batch)}); }
  void want_turn() override { ++turns_wanted; }
  void flush() override { ++flushes; }

  std::vector<std::pair<ShardId, std::unique_ptr<Batch>>> posted;
  int turns_wanted = 0;
  int flushes = 0;
};

class Listener final : public Subscriber {
 public:
  void deliver(const ChunkPtr& chunk) override { chunks.push_back(chunk); }
  [[nodiscard]] bool on_subscribed(std::uint32_t, const Result<command::Position>&) override {
    if (subscription == nullptr) return false;
    shard->make_live(*subscription);
    return true;
  }
  void on_published(ReplyTag&, const Message&) override { ++published; }
  void on_credit(std::size_t bytes) override { credit += bytes; }

  Shard* shard = nullptr;
  Subscription* subscription = nullptr;
  std::vector<ChunkPtr> chunks;
  int published = 0;
  std::size_t credit = 0;
};

struct OneShard {
  explicit OneShard(ShardId shards = 1) : shard(settings(shards), surroundings, metrics) { listener.shard = &shard; }
  static ShardSettings settings(ShardId shards) {
    ShardSettings result;
    result.shard_count = shards;
    result.epoch = "e";
    return result;
  }
  void publish(SessionRef session, std::string_view data, ReplyTag tag = {}, std::int64_t received_ns = 0) {
    shard.publish(session, MessageDraft("a", hash_of("a"), data, {.received_ns = received_ns}), std::move(tag));
  }

  Recorder surroundings;
  runtime::ThreadMetrics metrics;
  Shard shard;
  Listener listener;
};

TEST(Shard, Asks_for_one_turn_however_much_there_is_to_do_in_it) {
  OneShard one;
  const SessionRef session = one.shard.attach(one.listener);
  for (int i = 0; i < 3; ++i) one.publish(session, "1");
  EXPECT_EQ(one.surroundings.turns_wanted, 1);
  one.shard.run_turn({});
  EXPECT_EQ(one.surroundings.turns_wanted, 1);
  one.publish(session, "1");
  EXPECT_EQ(one.surroundings.turns_wanted, 2);
  one.shard.run_turn({});
  one.shard.detach(session);
}

TEST(Shard, Talks_to_itself_within_one_turn_and_posts_to_others_one_batch_a_turn) {
  OneShard alone;
  const SessionRef session = alone.shard.attach(alone.listener);
  alone.publish(session, "1", {ReplyTag::Kind::single, 0, 0, {}});
  EXPECT_EQ(alone.listener.published, 0) << "an answer came before its turn";
  alone.shard.run_turn({});
  EXPECT_EQ(alone.listener.published, 1);
  alone.shard.detach(session);

  // "a" and others: of 64 channels each of three shards is home to some.
  OneShard one(3);
  const SessionRef publisher = one.shard.attach(one.listener);
  for (int i = 0; i < 64; ++i) {
    const std::string channel = std::to_string(i);
    one.shard.publish(publisher, MessageDraft(channel, hash_of(channel), "1", {}), {});
  }
  EXPECT_TRUE(one.surroundings.posted.empty());
  one.shard.run_turn({});
  ASSERT_EQ(one.surroundings.posted.size(), 2U);
  EXPECT_EQ(one.surroundings.posted[0].first, 1);
  EXPECT_EQ(one.surroundings.posted[1].first, 2);
  EXPECT_GT(one.surroundings.posted[0].second->requests.size(), 1U);
  one.shard.detach(publisher);
}

TEST(Shard, Sends_a_long_turn_s_chunks_in_between_so_that_its_memory_stays_bounded) {
  OneShard one;
  const SessionRef session = one.shard.attach(one.listener);
  one.listener.subscription = &one.shard.subscribe(one.listener, session, "a");
  one.shard.run_turn({});
  const std::string data = '"' + std::string(60'000, 'x') + '"';
  for (int i = 0; i < 40; ++i) one.publish(session, data);
  one.shard.run_turn({});
  EXPECT_EQ(one.surroundings.flushes, 4) << "2.4 MB, about every 512 KiB";
  ASSERT_EQ(one.listener.chunks.size(), 5U);
  std::size_t messages = 0;
  for (const ChunkPtr& chunk : one.listener.chunks) {
    EXPECT_LE(chunk->bytes.size(), 600'000U);
    messages += testing::read_texts(chunk->bytes).size();
  }
  EXPECT_EQ(messages, 40U);
  one.shard.unsubscribe(*one.listener.subscription);
  one.shard.detach(session);
  one.shard.run_turn({});
  one.listener.chunks.clear();
}

TEST(Shard, Observes_each_message_s_latency_once_its_chunks_were_offered_to_the_sockets) {
  OneShard one;
  const SessionRef session = one.shard.attach(one.listener);
  one.listener.subscription = &one.shard.subscribe(one.listener, session, "a");
  one.shard.run_turn({});
  one.publish(session, "1", {}, 1'000'000'000);
  one.publish(session, "2", {}, 1'000'000'000);
  one.publish(session, "3", {}, 1'002'000'000);
  one.shard.run_turn({});
  EXPECT_EQ(one.metrics.publish_to_write_s.sum(), 0);
  one.shard.note_written(1'003'000'000);
  one.shard.note_written(1'009'000'000);
  EXPECT_NEAR(one.metrics.publish_to_write_s.sum(), 0.003 + 0.003 + 0.001, 1e-9);
  EXPECT_EQ(one.metrics.publish_to_write_s.bucket(6), 2U) << "up to 5 ms";
  EXPECT_EQ(one.metrics.publish_to_write_s.bucket(4), 1U) << "up to 1 ms";
  one.shard.unsubscribe(*one.listener.subscription);
  one.shard.detach(session);
  one.shard.run_turn({});
  one.listener.chunks.clear();
}

TEST(Shard, Spreads_channels_over_all_homes) {
  OneShard one(4);
  std::vector<int> channels(4);
  for (int i = 0; i < 1000; ++i) ++channels[one.shard.home_of(hash_of("channel." + std::to_string(i)))];
  for (const int count : channels) EXPECT_GT(count, 150);
}

TEST(ShardDeathTest, Aborts_when_another_thread_touches_it) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  OneShard one;
  EXPECT_DEATH(
      {
        std::thread stranger([&] { one.shard.run_turn({}); });
        stranger.join();
      },
      "invariant broken");
}

}  // namespace
}  // namespace crier::hub
