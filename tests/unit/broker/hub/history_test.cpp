#include "broker/hub/history.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace crier::hub {
namespace {

constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
constexpr std::int64_t day_ms = 86'400'000;
constexpr HistoryLimits wide{.messages = 1'000'000, .age_ms = day_ms};

MessagePtr message(std::uint64_t offset, std::int64_t time_ms = 0, std::uint64_t ttl_s = 0) {
  MessageOptions options;
  options.ttl_s = ttl_s;
  return MessageDraft("news", hash_of("news"), "1", options).seal({"ep", offset, offset, time_ms});
}

std::vector<std::uint64_t> offsets(const std::vector<MessagePtr>& messages) {
  std::vector<std::uint64_t> out;
  for (const MessagePtr& each : messages) out.push_back(each->offset());
  return out;
}

using Offsets = std::vector<std::uint64_t>;

class HistoryTest : public ::testing::Test {
 protected:
  void fill(History& history, const Offsets& wanted) {
    for (const std::uint64_t offset : wanted) history.append(message(offset), wide);
  }
  static Offsets after(const History& history, std::uint64_t offset, std::size_t bytes_max = all,
                       std::size_t count_max = all, bool complete = true) {
    std::vector<MessagePtr> out;
    EXPECT_EQ(history.slice_after(offset, bytes_max, count_max, 0, out), complete);
    return offsets(out);
  }
  static Offsets before(const History& history, std::uint64_t offset, std::size_t bytes_max = all,
                        std::size_t count_max = all, bool complete = true) {
    std::vector<MessagePtr> out;
    EXPECT_EQ(history.slice_before(offset, bytes_max, count_max, 0, out), complete);
    return offsets(out);
  }

  HistoryBudget budget_{1'000'000};
};

TEST_F(HistoryTest, Gives_what_came_after_a_position_and_before_one) {
  History history(budget_, 5);
  fill(history, {10, 20, 30});
  EXPECT_EQ(after(history, 5), (Offsets{10, 20, 30}));
  EXPECT_EQ(after(history, 9), (Offsets{10, 20, 30}));
  EXPECT_EQ(after(history, 10), (Offsets{20, 30}));
  EXPECT_EQ(after(history, 30), (Offsets{}));
  EXPECT_EQ(after(history, 99), (Offsets{}));
  EXPECT_EQ(before(history, 99), (Offsets{30, 20, 10}));
  EXPECT_EQ(before(history, 30), (Offsets{20, 10}));
  EXPECT_EQ(before(history, 11), (Offsets{10}));
  EXPECT_EQ(before(history, 10), (Offsets{}));
  EXPECT_EQ(before(history, 0), (Offsets{}));
}

TEST_F(HistoryTest, Forgets_the_oldest_when_it_is_full_and_remembers_where_it_began) {
  History history(budget_, 5);
  EXPECT_EQ(history.floor(), 5U);
  for (const std::uint64_t offset : {10U, 20U, 30U}) history.append(message(offset), {.messages = 2, .age_ms = day_ms});
  EXPECT_EQ(history.floor(), 10U);
  EXPECT_EQ(history.oldest()->offset(), 20U);
  EXPECT_EQ(history.newest()->offset(), 30U);
  history.append(message(40), {.messages = 1, .age_ms = day_ms});  // a smaller limit takes effect at once
  EXPECT_EQ(history.floor(), 30U);
  EXPECT_EQ(history.size(), 1U);
}

TEST_F(HistoryTest, Keeps_nothing_when_it_may_keep_nothing) {
  History history(budget_, 0);
  fill(history, {1, 2});
  history.append(message(3), {.messages = 0, .age_ms = day_ms});
  EXPECT_TRUE(history.empty());
  EXPECT_EQ(history.floor(), 3U);
  EXPECT_EQ(history.bytes(), 0U);
  EXPECT_EQ(history.oldest(), nullptr);
  EXPECT_EQ(history.newest(), nullptr);
  EXPECT_EQ(budget_.oldest(), nullptr);
}

TEST_F(HistoryTest, Forgets_what_is_older_than_its_age_and_not_what_is_as_old) {
  const HistoryLimits limits{.messages = 10, .age_ms = 100};
  History history(budget_, 0);
  history.append(message(1, 1000), limits);
  history.append(message(2, 1001), limits);
  history.expire(1100, limits);
  EXPECT_EQ(history.size(), 2U);
  history.expire(1101, limits);
  EXPECT_EQ(history.size(), 1U);
  EXPECT_EQ(history.floor(), 1U);
  history.append(message(3, 1102), limits);  // a busy channel needs no sweep
  EXPECT_EQ(history.floor(), 2U);
  EXPECT_EQ(history.oldest()->offset(), 3U);
}

TEST_F(HistoryTest, Keeps_a_message_whose_clock_went_back) {
  const HistoryLimits limits{.messages = 10, .age_ms = 100};
  History history(budget_, 0);
  history.append(message(1, 5000), limits);
  history.append(message(2, 1000), limits);
  history.expire(4000, limits);  // the older one stands in front, and is not due
  EXPECT_EQ(history.size(), 2U);
  history.expire(5101, limits);
  EXPECT_TRUE(history.empty());
}

TEST_F(HistoryTest, A_slice_ends_at_its_bytes_or_its_count_and_says_so) {
  History history(budget_, 0);
  fill(history, {1, 2, 3, 4});
  const std::size_t each = history.newest()->bytes();
  EXPECT_EQ(after(history, 0, 2 * each, all, false), (Offsets{1, 2}));
  EXPECT_EQ(after(history, 0, 2 * each - 1, all, false), (Offsets{1}));
  EXPECT_EQ(after(history, 0, 0, all, false), (Offsets{1}));  // one at least
  EXPECT_EQ(after(history, 0, 4 * each), (Offsets{1, 2, 3, 4}));
  EXPECT_EQ(after(history, 1, all, 3), (Offsets{2, 3, 4}));
  EXPECT_EQ(after(history, 1, all, 2, false), (Offsets{2, 3}));
  EXPECT_EQ(after(history, 1, all, 0, false), (Offsets{}));
  EXPECT_EQ(after(history, 4, all, 0), (Offsets{}));
  EXPECT_EQ(before(history, 9, 2 * each, all, false), (Offsets{4, 3}));
  EXPECT_EQ(before(history, 9, 0, all, false), (Offsets{4}));
  EXPECT_EQ(before(history, 9, all, 4), (Offsets{4, 3, 2, 1}));
}

TEST_F(HistoryTest, A_slice_is_added_to_what_is_there_already) {
  History history(budget_, 0);
  fill(history, {1, 2});
  std::vector<MessagePtr> out;
  EXPECT_FALSE(history.slice_after(0, 0, all, 0, out));
  EXPECT_TRUE(history.slice_after(out.back()->offset(), 0, all, 0, out));
  EXPECT_EQ(offsets(out), (Offsets{1, 2}));
}

TEST_F(HistoryTest, Passes_over_a_message_that_has_outlived_its_ttl) {
  History history(budget_, 0);
  history.append(message(1), wide);
  history.append(message(2, 0, 1), wide);
  history.append(message(3), wide);
  history.append(message(4, 0, 2), wide);
  for (const auto& [now_ms, left] : std::vector<std::pair<std::int64_t, Offsets>>{
           {999, {1, 2, 3, 4}}, {1000, {1, 3, 4}}, {1999, {1, 3, 4}}, {2000, {1, 3}}}) {
    std::vector<MessagePtr> out;
    EXPECT_TRUE(history.slice_after(0, all, all, now_ms, out));
    EXPECT_EQ(offsets(out), left) << now_ms;
    EXPECT_EQ(history.count_after(0, now_ms), left.size()) << now_ms;
  }
  std::vector<MessagePtr> out;
  EXPECT_TRUE(history.slice_after(2, all, 1, 2000, out));  // nothing that anyone could get is left
  EXPECT_EQ(history.floor(), 0U);
}

TEST_F(HistoryTest, Knows_where_a_stream_of_the_newest_starts) {
  History history(budget_, 5);
  EXPECT_EQ(history.before_last(3, 0), 5U);
  fill(history, {10, 20, 30});
  EXPECT_EQ(history.before_last(0, 0), 30U);
  EXPECT_EQ(history.before_last(1, 0), 20U);
  EXPECT_EQ(history.before_last(2, 0), 10U);
  EXPECT_EQ(history.before_last(3, 0), 5U);
  EXPECT_EQ(history.before_last(99, 0), 5U);
}

TEST_F(HistoryTest, A_stream_of_the_newest_starts_behind_what_has_outlived_its_ttl) {
  History history(budget_, 0);
  history.append(message(10, 0, 1), wide);
  history.append(message(20), wide);
  history.append(message(30, 0, 1), wide);
  history.append(message(40), wide);
  history.append(message(50, 0, 1), wide);
  EXPECT_EQ(history.before_last(2, 0), 30U);
  EXPECT_EQ(history.before_last(1, 1000), 30U);
  EXPECT_EQ(history.before_last(2, 1000), 10U);
  EXPECT_EQ(history.before_last(5, 1000), 10U);  // not at the floor: there would be a hole at its beginning
  EXPECT_EQ(history.before_last(0, 1000), 50U);
  History expired(budget_, 0);
  expired.append(message(10, 0, 1), wide);
  EXPECT_EQ(expired.before_last(5, 1000), 10U);
}

TEST_F(HistoryTest, Begins_again_where_a_new_epoch_begins) {
  History history(budget_, 0);
  history.append(message(100, 0, 1), wide);
  history.clear_to(7);
  EXPECT_TRUE(history.empty());
  EXPECT_EQ(history.floor(), 7U);
  EXPECT_EQ(budget_.bytes(), 0U);
  fill(history, {8});
  EXPECT_EQ(after(history, 7), (Offsets{8}));
  EXPECT_EQ(history.count_after(0, day_ms), 1U);  // the ttl of before is not counted any more
}

TEST_F(HistoryTest, Costs_little_for_one_message_and_nothing_when_empty) {
  History history(budget_, 0);
  EXPECT_EQ(history.bytes(), 0U);
  fill(history, {1});
  EXPECT_EQ(history.bytes(), history.newest()->bytes() + 4 * sizeof(MessagePtr));
  history.drop_oldest();
  EXPECT_EQ(history.bytes(), 0U);
  EXPECT_EQ(history.floor(), 1U);
}

TEST_F(HistoryTest, Gives_its_slots_back_as_it_empties) {
  History history(budget_, 0);
  for (std::uint64_t offset = 1; offset <= 1000; ++offset) history.append(message(offset), wide);
  while (history.size() > 1) {
    history.drop_oldest();
    const std::size_t slots = (history.bytes() - history.size() * history.newest()->bytes()) / sizeof(MessagePtr);
    ASSERT_LE(slots, std::max<std::size_t>(4, 4 * history.size()));
  }
}

TEST_F(HistoryTest, Does_not_grow_beyond_what_its_limit_needs) {
  const HistoryLimits limits{.messages = 4, .age_ms = day_ms};
  History history(budget_, 0);
  for (std::uint64_t offset = 1; offset <= 100; ++offset) history.append(message(offset), limits);
  EXPECT_EQ(history.bytes(), 4 * history.newest()->bytes() + 4 * sizeof(MessagePtr));
}

using HistoryDeathTest = HistoryTest;

TEST_F(HistoryDeathTest, Refuses_an_offset_that_does_not_grow) {
  History history(budget_, 5);
  EXPECT_DEATH(history.append(message(5), wide), "invariant broken");
  fill(history, {6});
  EXPECT_DEATH(history.append(message(6), wide), "invariant broken");
}

TEST_F(HistoryDeathTest, Has_nothing_to_drop_when_it_is_empty) {
  History history(budget_, 5);
  EXPECT_DEATH(history.drop_oldest(), "invariant broken");
}

TEST_F(HistoryTest, The_budget_finds_the_least_recently_used_that_holds_anything) {
  History a(budget_, 0);
  History b(budget_, 0);
  History c(budget_, 0);
  EXPECT_EQ(budget_.oldest(), nullptr);
  fill(a, {1});
  fill(b, {1});
  fill(c, {1});
  EXPECT_EQ(budget_.oldest(), &a);
  a.touch();
  EXPECT_EQ(budget_.oldest(), &b);
  fill(b, {2});
  EXPECT_EQ(budget_.oldest(), &c);
  c.clear_to(1);
  c.touch();  // it holds nothing: nothing to find
  EXPECT_EQ(budget_.oldest(), &a);
  a.touch();
  a.touch();  // the newest already
  EXPECT_EQ(budget_.oldest(), &b);
  b.drop_oldest();
  EXPECT_EQ(budget_.oldest(), &b);  // making room is no use
}

TEST_F(HistoryTest, A_history_that_goes_takes_its_bytes_and_its_place_along) {
  History stays(budget_, 0);
  fill(stays, {1});
  {
    History goes(budget_, 0);
    fill(goes, {1, 2, 3});
    stays.touch();
    EXPECT_EQ(budget_.oldest(), &goes);
    EXPECT_EQ(budget_.bytes(), stays.bytes() + goes.bytes());
  }
  EXPECT_EQ(budget_.oldest(), &stays);
  EXPECT_EQ(budget_.bytes(), stays.bytes());
}

TEST(HistoryBudget, Is_kept_by_evicting_from_the_least_recently_used_first) {
  HistoryBudget budget(10'000);
  History idle(budget, 0);
  History busy(budget, 0);
  for (std::uint64_t offset = 1; offset <= 5; ++offset) idle.append(message(offset), wide);
  for (std::uint64_t offset = 1; offset <= 500; ++offset) {
    busy.append(message(offset), wide);
    while (budget.over()) budget.oldest()->drop_oldest();
    ASSERT_LE(budget.bytes(), 10'000U);
    ASSERT_TRUE(idle.empty() || busy.size() == offset);
  }
  EXPECT_TRUE(idle.empty());
  EXPECT_EQ(idle.floor(), 5U);
  EXPECT_GT(busy.size(), 10U);
  EXPECT_EQ(busy.newest()->offset(), 500U);
}

TEST(HistoryBudget, May_be_so_small_that_nothing_is_kept) {
  HistoryBudget budget(0);
  History history(budget, 0);
  history.append(message(1), wide);
  ASSERT_TRUE(budget.over());
  while (budget.over()) budget.oldest()->drop_oldest();
  EXPECT_TRUE(history.empty());
  EXPECT_EQ(history.floor(), 1U);
}

}  // namespace
}  // namespace crier::hub
