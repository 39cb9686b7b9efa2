#include "broker/hub/shard.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/support/scripted_engine.hpp"
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
  [[nodiscard]] bool on_subscribed(SubscribeAnswer& answer) override {
    if (subscription == nullptr || subscription->serial != answer.serial) return false;
    shard->make_live(*subscription);
    return true;
  }
  void on_pattern(Subscription& pattern, const Error* refused) override {
    patterns.push_back(std::string(pattern.name()) +
                       (refused != nullptr ? " " + std::string(to_string(refused->code)) : ""));
    if (refused == nullptr) return;
    shard->forget(pattern);
    if (subscription == &pattern) subscription = nullptr;
  }
  void on_published(PublishAnswer& answer) override {
    ++published;
    if (answer.outcome && !answer.outcome->position) errors.push_back(answer.outcome->position.error().code);
  }
  void on_lost(const Subscription&) override { ++lost; }
  void on_fetched(FetchAnswer& answer) override { fetched.push_back(answer.serial); }
  void on_history(HistoryAnswer& answer) override { histories.push_back(answer.channel); }
  void on_presence(PresenceAnswer& answer) override { presences.push_back(answer.channel); }
  void on_epoch_change(Subscription&, const command::Position& position) override { epochs.push_back(position.text()); }
  void on_credit(std::size_t bytes) override { credit += bytes; }

  Shard* shard = nullptr;
  Subscription* subscription = nullptr;
  std::vector<ChunkPtr> chunks;
  std::vector<std::string> patterns;
  std::vector<ErrorCode> errors;
  std::vector<std::uint32_t> fetched;
  std::vector<std::string> histories;
  std::vector<std::string> presences;
  std::vector<std::string> epochs;
  int lost = 0;
  int published = 0;
  std::size_t credit = 0;
};

struct OneShard {
  explicit OneShard(ShardId shards = 1) : shard(settings(shards), config, engine, surroundings, metrics) {
    listener.shard = &shard;
    engine.answers = &shard.engine_answers();
  }
  static ShardSettings settings(ShardId shards) {
    ShardSettings result;
    result.shard_count = shards;
    return result;
  }
  void publish(SessionRef session, std::string_view data, ReplyTag tag = {}, std::int64_t received_ns = 0) {
    shard.publish(session, MessageDraft("a", hash_of("a"), data, {.received_ns = received_ns}), std::move(tag));
  }

  Recorder surroundings;
  config::Config config;
  testing::ScriptedEngine engine{"e"};
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
  one.listener.subscription = &one.shard.subscribe(one.listener, session, "a", {});
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
  one.listener.subscription = &one.shard.subscribe(one.listener, session, "a", {});
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

// --- patterns

// A shard among others, whose answers the test gives.
struct ShardAmongThree : OneShard {
  ShardAmongThree() : OneShard(3), session(shard.attach(listener)) {}
  ~ShardAmongThree() {
    shard.detach(session);
    listener.chunks.clear();
  }
  Subscription& ask(const std::string& pattern) {
    Subscription& subscription = shard.subscribe_pattern(listener, session, pattern);
    shard.run_turn({});
    return subscription;
  }
  // Home `from` answers.
  void answer(ShardId from, const std::string& pattern, std::uint32_t serial, bool refused = false) {
    auto batch = std::make_unique<Batch>();
    batch->from = from;
    PatternAnswer said{session, serial, pattern, std::nullopt};
    if (refused) said.refused = Error{ErrorCode::limit_exceeded, "channel", "too many"};
    auto mail = std::make_unique<Answer>(std::move(said));
    batch->deliveries.emplace_back(std::move(mail));
    shard.receive(std::move(batch));
    shard.run_turn({});
  }
  // What was posted since the last call: "1+" for a pattern asked of home 1, "1-" for one taken back.
  std::string posted() {
    std::string all;
    for (const auto& [to, batch] : surroundings.posted) {
      for (const Request& request : batch->requests) {
        const auto& control = *std::get<std::unique_ptr<ControlRequest>>(request);
        all.append(std::to_string(to)).append(std::holds_alternative<PatternRequest>(control) ? "+" : "-");
      }
    }
    surroundings.posted.clear();
    return all;
  }
  SessionRef session;
};

TEST(ShardPatterns, Are_live_only_when_the_last_home_has_answered) {
  ShardAmongThree one;
  Subscription& subscription = one.ask("a.*");
  EXPECT_EQ(one.posted(), "1+2+");
  const std::uint32_t serial = subscription.serial;
  one.answer(2, "a.*", serial);
  EXPECT_EQ(subscription.state, Subscription::State::pending) << "home 0 is the shard itself, home 1 is missing";
  EXPECT_TRUE(one.listener.patterns.empty());
  one.answer(1, "a.*", serial);
  EXPECT_TRUE(subscription.live());
  EXPECT_EQ(one.listener.patterns, std::vector<std::string>{"a.*"});
  EXPECT_EQ(one.listener.credit, 3 * request_bytes);
  one.shard.unsubscribe(subscription);
  one.shard.run_turn({});
  EXPECT_EQ(one.posted(), "1-2-");
}

TEST(ShardPatterns, Are_taken_back_from_every_home_that_agreed_when_one_refuses) {
  for (const ShardId refuses : {ShardId{1}, ShardId{2}}) {
    ShardAmongThree one;
    Subscription& subscription = one.ask("a.*");
    one.posted();
    const std::uint32_t serial = subscription.serial;
    one.answer(1, "a.*", serial, refuses == 1);
    EXPECT_TRUE(one.listener.patterns.empty()) << "told once all have spoken";
    one.answer(2, "a.*", serial, refuses == 2);
    EXPECT_EQ(one.listener.patterns, std::vector<std::string>{"a.* limit_exceeded"});
    EXPECT_EQ(one.posted(), refuses == 1 ? "2-" : "1-");
    EXPECT_EQ(one.metrics.subscriptions.value(), 0);
  }
}

TEST(ShardPatterns, That_end_while_they_are_pending_are_taken_back_from_each_home_that_had_counted_them) {
  ShardAmongThree one;
  Subscription& subscription = one.ask("a.*");
  const std::uint32_t serial = subscription.serial;
  one.posted();
  one.answer(1, "a.*", serial);
  one.shard.unsubscribe(subscription);
  one.shard.run_turn({});
  EXPECT_EQ(one.posted(), "1-") << "of home 2 it is not known yet";
  one.answer(2, "a.*", serial);
  EXPECT_EQ(one.posted(), "2-");
  EXPECT_TRUE(one.listener.patterns.empty());
  EXPECT_EQ(one.listener.credit, 3 * request_bytes);
}

TEST(ShardPatterns, That_end_while_they_are_pending_are_not_taken_back_from_a_home_that_refused) {
  ShardAmongThree one;
  Subscription& subscription = one.ask("a.*");
  const std::uint32_t serial = subscription.serial;
  one.posted();
  one.answer(1, "a.*", serial, /*refused=*/true);
  one.shard.unsubscribe(subscription);
  one.shard.run_turn({});
  one.answer(2, "a.*", serial);
  EXPECT_EQ(one.posted(), "2-");
}

TEST(ShardPatterns, May_end_and_begin_anew_before_any_answer) {
  ShardAmongThree one;
  Subscription& first = one.ask("a.*");
  const std::uint32_t old_serial = first.serial;
  one.shard.unsubscribe(first);
  Subscription& second = one.ask("a.*");
  const std::uint32_t serial = second.serial;
  EXPECT_EQ(one.posted(), "1+2+1+2+");
  for (const ShardId home : {ShardId{1}, ShardId{2}}) {
    one.answer(home, "a.*", old_serial);
    one.answer(home, "a.*", serial);
  }
  EXPECT_EQ(one.posted(), "1-2-");
  EXPECT_TRUE(second.live());
  EXPECT_EQ(one.listener.patterns.size(), 1U);
  one.shard.unsubscribe(second);
  one.shard.run_turn({});
}

// --- answers for those who are gone

TEST(Shard, Drops_answers_for_sessions_that_are_gone_and_takes_their_subscriptions_back) {
  OneShard one;
  const SessionRef gone = one.shard.attach(one.listener);
  Subscription& subscription = one.shard.subscribe(one.listener, gone, "a", {});
  one.shard.history(HistoryRequest{.session = gone,
                                   .tag = {},
                                   .channel_hash = hash_of("a"),
                                   .channel = "a",
                                   .since = std::nullopt,
                                   .before = std::nullopt,
                                   .limit = 1});
  one.shard.presence(
      PresenceRequest{.session = gone, .tag = {}, .channel_hash = hash_of("a"), .channel = "a", .after = std::nullopt});
  one.publish(gone, "1", {ReplyTag::Kind::single, 0, 0, {}});
  one.shard.unsubscribe(subscription);
  one.shard.detach(gone);
  Listener heir;
  const SessionRef session = one.shard.attach(heir);
  ASSERT_EQ(session.slot, gone.slot);
  one.shard.run_turn({});
  EXPECT_TRUE(one.listener.histories.empty() && one.listener.presences.empty());
  EXPECT_TRUE(heir.histories.empty() && heir.presences.empty());
  EXPECT_EQ(heir.credit + one.listener.credit, 0U);
  EXPECT_EQ(heir.published + one.listener.published, 0);
  EXPECT_EQ(one.metrics.channels.value(), 0);
  EXPECT_EQ(one.metrics.members.value(), 0);
  one.shard.detach(session);
}

TEST(Shard, Brings_the_credit_of_a_list_with_its_answer) {
  OneShard one;
  const SessionRef session = one.shard.attach(one.listener);
  one.shard.history(HistoryRequest{.session = session,
                                   .tag = {ReplyTag::Kind::single, 0, 0, {}},
                                   .channel_hash = hash_of("a"),
                                   .channel = "a",
                                   .since = std::nullopt,
                                   .before = std::nullopt,
                                   .limit = 1});
  one.shard.run_turn({});
  EXPECT_EQ(one.listener.histories, std::vector<std::string>{"a"});
  EXPECT_EQ(one.listener.credit, list_bytes_max);
  one.shard.detach(session);
}

// --- an engine that answers later, between two turns

TEST(Shard, Wants_a_turn_when_the_engine_answers_also_when_that_brings_nothing_but_credit) {
  OneShard one;
  one.engine.later = true;
  const SessionRef session = one.shard.attach(one.listener);
  one.publish(session, "1");
  one.shard.run_turn({});
  EXPECT_EQ(one.listener.credit, 0U);
  const int turns = one.surroundings.turns_wanted;
  one.engine.store();
  EXPECT_EQ(one.surroundings.turns_wanted, turns + 1);
  one.shard.run_turn({});
  EXPECT_GT(one.listener.credit, 0U);
  one.shard.detach(session);
}

TEST(Shard, Delivers_only_what_the_engine_has_accepted) {
  OneShard one;
  one.engine.later = true;
  const SessionRef session = one.shard.attach(one.listener);
  one.listener.subscription = &one.shard.subscribe(one.listener, session, "a", {});
  one.publish(session, "1");
  one.publish(session, "2");
  one.shard.run_turn({});
  EXPECT_TRUE(one.listener.chunks.empty());
  one.engine.store();
  one.engine.store();
  one.shard.run_turn({});
  ASSERT_EQ(one.listener.chunks.size(), 1U);
  EXPECT_EQ(testing::read_texts(one.listener.chunks[0]->bytes).size(), 2U);
  one.shard.unsubscribe(*one.listener.subscription);
  one.shard.detach(session);
  one.shard.run_turn({});
  one.listener.chunks.clear();
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
