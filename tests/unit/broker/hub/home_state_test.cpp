// What a home leaves for its next life, and what that makes of it.
#include <map>

#include "tests/unit/broker/hub/home_fixture.hpp"

namespace crier::hub {
namespace {

class HomeStateTest : public HomeTest {
 protected:
  std::map<std::string, state::SavedChannel> save(const Home& home) {
    std::map<std::string, state::SavedChannel> saved;
    home.save([&](const state::SavedChannel& channel) {
      EXPECT_TRUE(saved.emplace(channel.name, channel).second) << channel.name;
    });
    return saved;
  }
  // A home that takes up where this one stands.
  struct Life {
    Life(HomeStateTest& test, const HomeLimits& limits)
        : engine("ep", test.home().fanned_out()), home(test.config, limits, test.lines, metrics) {
      const auto saved = test.save(test.home());
      home.attach(engine);
      home.restore_floor(test.home().saved_floor());
      for (const auto& [name, channel] : saved) home.restore(channel, test.now_ms);
    }
    runtime::ThreadMetrics metrics;
    testing::ScriptedEngine engine;
    Home home;
  };
  std::string ask(Life& life, ControlRequest control) {
    lines.take();
    Request request = std::make_unique<ControlRequest>(std::move(control));
    life.home.handle(0, request, now_ms);
    return lines.take_one();
  }
  std::string subscribed(Life& life, const std::string& channel, std::uint64_t since) {
    return ask(life, SubscribeRequest{.session = {4, 5},
                                      .serial = 1,
                                      .channel_hash = hash_of(channel),
                                      .channel = channel,
                                      .since = Position{"ep", since},
                                      .last = {},
                                      .member = {},
                                      .watch = false});
  }
  std::string history(Life& life, const std::string& channel) {
    HistoryRequest request;
    request.channel_hash = hash_of(channel);
    request.channel = channel;
    request.limit = 100;
    return ask(life, std::move(request));
  }
};

TEST_F(HomeStateTest, Saves_what_a_channel_s_record_holds_and_nothing_where_no_history_is_kept) {
  say(0, "few:a", {.data = "1"});
  say(0, "few:a", {.data = R"("two")", .key = "k", .scope = "u", .ttl_s = 60});
  fill("few:a", 2);
  publish(0, plain);
  const auto saved = save(home());
  ASSERT_EQ(saved.size(), 1U);
  const state::SavedChannel& channel = saved.at("few:a");
  EXPECT_EQ(channel.floor, 1U);
  EXPECT_EQ(channel.top, 4U);
  EXPECT_EQ(channel.top_number, 4U);
  ASSERT_EQ(channel.messages.size(), 3U);
  EXPECT_EQ(channel.messages[0].offset, 2U);
  EXPECT_EQ(channel.messages[0].number, 2U);
  EXPECT_EQ(channel.messages[0].data_json, R"("two")");
  EXPECT_EQ(channel.messages[0].time_ms, now_ms);
  EXPECT_EQ(channel.messages[0].expires_ms, now_ms + 60'000);
  ASSERT_EQ(channel.keys.size(), 1U);
  EXPECT_EQ(channel.keys[0].scope, "u");
  EXPECT_EQ(channel.keys[0].key, "k");
  EXPECT_EQ(channel.keys[0].offset, 2U);
}

TEST_F(HomeStateTest, Saves_of_a_channel_in_which_nothing_happened_that_nothing_did) {
  fill("a", 3);
  subscribe(1, "b", 1);
  now_ms += 1'000'000;
  home().tick(now_ms);
  EXPECT_EQ(save(home()).count("a"), 0U) << "forgotten: the floor of all others tells of it";
  EXPECT_EQ(home().saved_floor(), 3U);
  Life life(*this, limits);
  EXPECT_EQ(subscribed(life, "b", 3), "0 subscribed ep:3 b serial 1 for 4.5 recovered");
  EXPECT_EQ(subscribed(life, "a", 2), "0 subscribed ep:3 a serial 1 for 4.5 not recovered");
}

TEST_F(HomeStateTest, Continues_streams_histories_numbers_and_keys_in_its_next_life) {
  fill("few:a", 4);
  say(0, "few:a", {.key = "k"});
  Life life(*this, limits);
  EXPECT_EQ(subscribed(life, "few:a", 3), "0 subscribed ep:3 few:a serial 1 for 4.5 recovered replays 2 after 3#3");
  EXPECT_EQ(subscribed(life, "few:a", 1), "0 subscribed ep:5 few:a serial 1 for 4.5 not recovered");
  EXPECT_EQ(history(life, "few:a"), "0 history 3 4 5 top ep:5");
  MessageDraft draft("few:a", hash_of("few:a"), "1", {});
  Request again = PublishRequest{
      {8, 9}, std::move(draft), single(), std::make_unique<PublishRequest::Key>(PublishRequest::Key{"", "k"})};
  life.home.handle(0, again, now_ms);
  EXPECT_EQ(lines.take_one(), "0 published again ep:5 tag 0/0 for 8.9");
  Request fresh = PublishRequest{{8, 9}, MessageDraft("few:a", hash_of("few:a"), "1", {}), single(), nullptr};
  life.home.handle(0, fresh, now_ms);
  EXPECT_EQ(lines.take().back(), "0 published 6 tag 0/0 for 8.9");
  EXPECT_EQ(lines.last_message->number(), 6U);
}

TEST_F(HomeStateTest, Gives_restored_messages_their_old_bytes) {
  say(0, "a", {.data = R"({"x":1e3})"});
  subscribe(0, "a", 1);
  fetch("a", 0);
  const std::string before(lines.last_messages.at(0)->json());
  Life life(*this, limits);
  subscribed(life, "a", 0);
  EXPECT_EQ(ask(life, FetchRequest{{4, 5}, 1, hash_of("a"), "a", 0, 1000}), "0 fetched 1 through 1#1 top");
  EXPECT_EQ(lines.last_messages.at(0)->json(), before);
}

TEST_F(HomeStateTest, Shows_and_saves_times_of_the_clock_as_it_is_set_and_forgets_by_the_time_that_has_passed) {
  constexpr std::int64_t day_ms = 86'400'000;
  subscribe(0, "a", 1);
  say(0, "a", {.ttl_s = 100});
  EXPECT_EQ(lines.last_message->shown_ms(), now_ms);
  home().set_clock_step(day_ms);
  home().tick(now_ms);
  say(0, "a", {.key = "k"});
  EXPECT_EQ(lines.last_message->shown_ms(), now_ms + day_ms);
  EXPECT_NE(lines.last_message->json().find(std::to_string(now_ms + day_ms)), std::string_view::npos);
  EXPECT_EQ(fetch("a", 0), "0 fetched 1 2 through 2#2 top");  // neither age nor ttl is over
  unsubscribe(0, "a", 1);
  const state::SavedChannel saved = save(home()).at("a");
  EXPECT_EQ(saved.messages.at(0).time_ms, now_ms + day_ms);
  EXPECT_EQ(saved.messages.at(0).expires_ms, now_ms + day_ms + 100'000);
  EXPECT_GT(saved.keys.at(0).expires_ms, now_ms + day_ms);
  // The next life begins with the clock as it is set: nothing is older or younger for it.
  now_ms += day_ms;
  Life life(*this, limits);
  EXPECT_EQ(history(life, "a"), "0 history 1 2 top ep:2");
}

TEST_F(HomeStateTest, Knows_of_forgotten_channels_in_its_next_life_how_far_they_had_come) {
  fill("a", 2);
  now_ms += 1'000'000;
  home().tick(now_ms);
  fill("b", 1);
  Life life(*this, limits);
  EXPECT_EQ(subscribed(life, "a", 1), "0 subscribed ep:3 a serial 1 for 4.5 not recovered");
  EXPECT_EQ(subscribed(life, "a", 2).substr(0, 47), "0 subscribed ep:2 a serial 1 for 4.5 recovered ");
}

TEST_F(HomeStateTest, Does_not_pretend_to_know_channels_for_which_its_next_life_has_no_room) {
  fill("a", 2);
  fill("b", 2);
  Life life(*this, {.channels_max = 1});
  EXPECT_EQ(history(life, "b"), "0 history top ep:4");
  HistoryRequest request;
  request.channel_hash = hash_of("b");
  request.channel = "b";
  request.since = Position{"ep", 3};
  EXPECT_EQ(ask(life, std::move(request)), "0 history unrecoverable_position");
}

TEST_F(HomeStateTest, Forgets_what_grew_too_old_or_too_much_between_two_lives) {
  fill("few:a", 3);
  fill("a", 1);
  config.namespaces["few"].history.messages = 1;
  now_ms += 119'999;
  {
    Life life(*this, limits);
    EXPECT_EQ(history(life, "few:a"), "0 history 3 top ep:3");
    EXPECT_EQ(history(life, "a"), "0 history 4 top ep:4");
  }
  now_ms += 1'000;
  Life life(*this, limits);
  EXPECT_EQ(history(life, "a"), "0 history top ep:4");
  EXPECT_EQ(subscribed(life, "a", 3), "0 subscribed ep:4 a serial 1 for 4.5 not recovered");
  EXPECT_EQ(subscribed(life, "a", 4), "0 subscribed ep:4 a serial 1 for 4.5 recovered");
}

TEST_F(HomeStateTest, Keeps_no_history_in_a_namespace_that_has_none_any_more) {
  fill("few:a", 2);
  config.namespaces["few"].history.messages = 0;
  Life life(*this, limits);
  EXPECT_EQ(life.metrics.history_bytes.value(), 0);
  EXPECT_EQ(history(life, "few:a"), "0 history top nowhere");
}

}  // namespace
}  // namespace crier::hub
