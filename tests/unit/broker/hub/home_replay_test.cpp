// What a home tells of a channel's past: where a stream may start, and what is fetched and listed of it.
#include "tests/unit/broker/hub/home_fixture.hpp"

namespace crier::hub {
namespace {

class HomeReplayTest : public HomeTest {
 protected:
  // A subscription's answer, without what is the same in all of them here.
  std::string subscribed(const std::string& channel, Ask ask) {
    lines.take();
    subscribe(0, channel, next_serial, std::move(ask));
    std::string line = lines.take_one();
    std::string same(" ");
    same.append(channel).append(" serial ").append(std::to_string(next_serial)).append(" for 4.5");
    ++next_serial;
    const std::size_t at = line.find(same);
    if (at != std::string::npos) line.erase(at, same.size());
    return line.starts_with("0 subscribed ") ? line.substr(13) : line;
  }
  struct List {
    std::optional<command::Position> since = {};
    std::optional<command::Position> before = {};
    std::uint64_t limit = 1000;
    bool reverse = false;
  };
  std::string history(const std::string& channel) { return history(channel, List{}); }
  std::string history(const std::string& channel, List list) {
    lines.take();
    HistoryRequest request;
    request.channel_hash = hash_of(channel);
    request.channel = channel;
    request.since = std::move(list.since);
    request.before = std::move(list.before);
    request.limit = list.limit;
    request.reverse = list.reverse;
    handle(0, std::move(request));
    return lines.take_one();
  }
  // A record that was there and of which nothing is known any more.
  void forget(const std::string& channel) {
    now_ms += 1'000'000;
    home().tick(now_ms);
    ASSERT_EQ(history(channel).find("0 history top"), 0U);
  }
  std::uint32_t next_serial = 1;
};

// --- where a stream starts

TEST_F(HomeReplayTest, Continues_behind_a_position_that_the_history_reaches_back_to) {
  fill("a", 3);
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 1}}), "ep:1 recovered replays 2 after 1#1");
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 3}}), "ep:3 recovered");
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 0}}), "ep:0 recovered replays 3 after 0#0");
  EXPECT_EQ(metrics.recovered.value(), 3U);
}

TEST_F(HomeReplayTest, Continues_behind_positions_between_two_messages_of_the_channel) {
  fill("a", 1);
  fill("b", 2);
  fill("a", 1);
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 2}}), "ep:2 recovered replays 1 after 2#1");
}

TEST_F(HomeReplayTest, Does_not_pretend_to_continue_from_elsewhere_or_from_the_future) {
  fill("few:a", 5);  // 1 and 2 are forgotten
  EXPECT_EQ(subscribed("few:a", {.since = Position{"old", 4}}), "ep:5 not recovered");
  EXPECT_EQ(subscribed("few:a", {.since = Position{"ep", 6}}), "ep:5 not recovered");
  EXPECT_EQ(subscribed("few:a", {.since = Position{"ep", 1}}), "ep:5 not recovered");
  EXPECT_EQ(subscribed("few:a", {.since = Position{"ep", 2}}), "ep:2 recovered replays 3 after 2#2");
  EXPECT_EQ(subscribed(plain, {.since = Position{"ep", 5}}), "nowhere not recovered");
  EXPECT_EQ(metrics.not_recovered.value(), 4U);
}

TEST_F(HomeReplayTest, Replays_the_last_ones_where_nothing_was_continued_from) {
  fill("few:a", 5);
  EXPECT_EQ(subscribed("few:a", {.last = 2}), "ep:3 replays 2 after 3#3");
  EXPECT_EQ(subscribed("few:a", {.last = 3}), "ep:2 replays 3 after 2#2");
  EXPECT_EQ(subscribed("few:a", {.last = 0}), "ep:5");
  EXPECT_EQ(subscribed("few:a", {.since = Position{"ep", 1}, .last = 1}), "ep:4 not recovered replays 1 after 4#4");
  EXPECT_EQ(subscribed("few:a", {.since = Position{"ep", 4}, .last = 3}), "ep:4 recovered replays 1 after 4#4")
      << "what is continued needs no last ones";
}

TEST_F(HomeReplayTest, Starts_at_the_top_when_the_last_ones_are_none) {
  fill("b", 3);
  EXPECT_EQ(subscribed("a", {.last = 5}), "ep:3");
  engine.later = true;
  publish(0, "c");  // a record without a message, until the engine has answered
  EXPECT_EQ(subscribed("c", {.last = 5}), "ep:3");
  engine.store();
  fill("d", 1);
}

TEST_F(HomeReplayTest, Replays_nothing_that_has_grown_too_old) {
  config.namespaces["brief"] = config::Namespace{};
  config.namespaces["brief"].history.age = config::milliseconds(1000);
  fill("brief:a", 2);
  now_ms += 600;
  fill("brief:a", 1);
  now_ms += 600;  // 1 and 2 are older than a second
  EXPECT_EQ(subscribed("brief:a", {.since = Position{"ep", 1}}), "ep:3 not recovered");
  EXPECT_EQ(subscribed("brief:a", {.since = Position{"ep", 2}}), "ep:2 recovered replays 1 after 2#2");
  EXPECT_EQ(subscribed("brief:a", {.last = 3}), "ep:2 replays 1 after 2#2");
}

TEST_F(HomeReplayTest, Knows_of_a_channel_without_a_record_that_nothing_happened_in_it) {
  fill("b", 5);
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 0}}), "ep:0 recovered after 0#0") << "whatever b had";
  EXPECT_EQ(fetch("a", 0), "0 fetched through 5#0 top");
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 5}}), "ep:5 recovered");
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 6}}), "ep:5 not recovered");
}

TEST_F(HomeReplayTest, Remembers_of_a_forgotten_channel_how_far_it_had_come) {
  fill("a", 2);
  fill("b", 2);
  forget("a");
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 1}}), "ep:4 not recovered") << "2 is lost";
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 2}}), "ep:2 recovered after 2#0") << "nothing is";
  fill("a", 1);
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 1}}), "ep:5 not recovered");
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 2}}), "ep:2 recovered replays 1 after 2#0");
}

TEST_F(HomeReplayTest, Remembers_as_long_as_a_history_may_last_that_an_empty_channel_had_nothing) {
  fill("b", 3);
  subscribe(0, "a", 100);
  unsubscribe(0, "a", 100);
  fill("b", 2);
  home().restore_floor(5);  // as when others were forgotten that have their floor at the same place
  now_ms += 100'000;
  home().tick(now_ms);
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 3}}), "ep:3 recovered");
  unsubscribe(0, "a", next_serial - 1);
  now_ms += 1'000'000;
  home().tick(now_ms);
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 3}}), "ep:5 not recovered");
}

TEST_F(HomeReplayTest, Never_gives_an_offset_again_to_a_channel_that_was_forgotten) {
  fill("a", 3);
  forget("a");
  fill("a", 1);
  EXPECT_EQ(history("a"), "0 history 4 top ep:4");
}

// --- fetching

TEST_F(HomeReplayTest, Gives_out_a_history_in_pieces_and_says_which_one_is_the_last) {
  subscribe(0, "a", 1);
  fill("a", 4);
  const std::size_t bytes = lines.last_message->bytes();
  EXPECT_EQ(fetch("a", 0, 2 * bytes), "0 fetched 1 2 through 2#2");
  EXPECT_EQ(fetch("a", 2, 1), "0 fetched 3 through 3#3") << "one at least";
  EXPECT_EQ(fetch("a", 3, 1), "0 fetched 4 through 4#4 top");
  EXPECT_EQ(fetch("a", 4, 1), "0 fetched through 4#4 top");
  EXPECT_EQ(metrics.fetches.value(), 4U);
}

TEST_F(HomeReplayTest, Says_when_a_piece_was_evicted_before_it_was_fetched) {
  subscribe(0, "few:a", 1);
  fill("few:a", 5);
  EXPECT_EQ(fetch("few:a", 1), "0 fetched 3 4 5 through 5#5 top evicted");
  EXPECT_EQ(fetch("few:a", 2), "0 fetched 3 4 5 through 5#5 top");
}

TEST_F(HomeReplayTest, Gives_out_nothing_whose_own_time_is_over_and_numbers_tell_of_the_hole) {
  subscribe(0, "a", 1);
  fill("a", 1);
  say(0, "a", {.ttl_s = 1});
  fill("a", 1);
  say(0, "a", {.ttl_s = 1});
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 0}}), "ep:0 recovered replays 4 after 0#0");
  now_ms += 1000;
  EXPECT_EQ(subscribed("a", {.since = Position{"ep", 0}}), "ep:0 recovered replays 2 after 0#0");
  EXPECT_EQ(fetch("a", 0), "0 fetched 1 3 through 4#4 top");
  EXPECT_EQ(lines.last_messages[1]->number(), 3U);
  EXPECT_EQ(subscribed("a", {.last = 2}), "ep:0 replays 2 after 0#0");
  EXPECT_EQ(subscribed("a", {.last = 1}), "ep:2 replays 1 after 2#2") << "a stream starts behind 2, seen or not";
  EXPECT_EQ(fetch("a", 3), "0 fetched through 4#4 top");
}

TEST_F(HomeReplayTest, Makes_room_in_the_channel_that_was_left_alone_for_longest) {
  subscribe(0, "a", 1);
  subscribe(0, "b", 2);
  publish(0, "a");
  // As many as fit the budget, and two messages' room is left for the lists themselves.
  const std::size_t bytes = lines.last_message->bytes();
  restart();
  limits.history_bytes_max = 12 * bytes;
  restart();
  subscribe(0, "a", 1);
  subscribe(0, "b", 2);
  fill("a", 5);
  fill("b", 5);
  EXPECT_EQ(metrics.history_evicted.value(), 0U);
  EXPECT_EQ(fetch("a", 1).substr(0, 11), "0 fetched 2") << "read, and so used more recently than b";
  fill("a", 3);
  EXPECT_GT(metrics.history_evicted.value(), 0U);
  EXPECT_LE(metrics.history_bytes.value(), static_cast<std::int64_t>(12 * bytes));
  EXPECT_EQ(subscribed("a", {.last = 100}).substr(0, 15), "ep:0 replays 8 ");
  EXPECT_EQ(subscribed("b", {.since = Position{"ep", 5}}).substr(6, 13), "not recovered");
}

// --- the history command

TEST_F(HomeReplayTest, Lists_a_history_forwards_and_backwards_page_by_page) {
  fill("a", 5);
  EXPECT_EQ(history("a"), "0 history 1 2 3 4 5 top ep:5");
  EXPECT_EQ(history("a", {.limit = 2}), "0 history 1 2 top ep:5 next ep:2");
  EXPECT_EQ(history("a", {.since = Position{"ep", 2}, .limit = 2}), "0 history 3 4 top ep:5 next ep:4");
  EXPECT_EQ(history("a", {.since = Position{"ep", 4}, .limit = 2}), "0 history 5 top ep:5");
  EXPECT_EQ(history("a", {.limit = 2, .reverse = true}), "0 history 5 4 top ep:5 next ep:4");
  EXPECT_EQ(history("a", {.before = Position{"ep", 4}, .limit = 3, .reverse = true}), "0 history 3 2 1 top ep:5");
}

TEST_F(HomeReplayTest, Lists_backwards_down_to_a_position_and_no_further) {
  fill("a", 5);
  EXPECT_EQ(history("a", {.since = Position{"ep", 3}, .reverse = true}), "0 history 5 4 top ep:5");
  EXPECT_EQ(history("a", {.since = Position{"ep", 3}, .limit = 1, .reverse = true}), "0 history 5 top ep:5 next ep:5");
  EXPECT_EQ(history("a", {.since = Position{"ep", 3}, .before = Position{"ep", 5}, .limit = 1, .reverse = true})
                .substr(0, 18),
            "0 history 4 top ep");
  EXPECT_EQ(history("a", {.since = Position{"ep", 3}, .before = Position{"ep", 4}, .limit = 1, .reverse = true}),
            "0 history top ep:5");
}

TEST_F(HomeReplayTest, Bounds_a_page_by_its_bytes) {
  for (int i = 0; i < 10; ++i) say(0, "a", {.data = std::string(60'000, '1')});
  EXPECT_EQ(history("a"), "0 history 1 2 3 4 top ep:10 next ep:4");
}

TEST_F(HomeReplayTest, Refuses_to_list_from_where_it_cannot) {
  fill("few:a", 5);
  EXPECT_EQ(history("few:a", {.since = Position{"ep", 1}}), "0 history unrecoverable_position");
  EXPECT_EQ(history("few:a", {.since = Position{"ep", 6}}), "0 history unrecoverable_position");
  EXPECT_EQ(history("few:a", {.since = Position{"old", 3}}), "0 history unrecoverable_position");
  EXPECT_EQ(history("few:a", {.before = Position{"old", 3}, .reverse = true}), "0 history unrecoverable_position");
  EXPECT_EQ(history(plain, {.since = Position{"ep", 0}}), "0 history unrecoverable_position");
  EXPECT_EQ(history(plain), "0 history top nowhere");
}

TEST_F(HomeReplayTest, Lists_nothing_of_a_channel_that_it_does_not_know_and_makes_none_of_it) {
  fill("b", 2);
  EXPECT_EQ(history("a"), "0 history top ep:2");
  EXPECT_EQ(history("a", {.since = Position{"ep", 1}}), "0 history top ep:2");
  limits.channels_max = 2;
  restart();
  for (int i = 0; i < 5; ++i) history(std::string("c").append(std::to_string(i)));
  fill("a", 1);
  EXPECT_EQ(history("a"), "0 history 3 top ep:3");
}

}  // namespace
}  // namespace crier::hub
