#include "broker/runtime/pace.hpp"

#include <gtest/gtest.h>

namespace crier::runtime {
namespace {

constexpr std::int64_t start_ms = 1'700'000'000'000;

int take_all(Pace& pace, std::size_t per_second, std::int64_t now_ms) {
  int taken = 0;
  while (taken < 10'000 && pace.take(per_second, now_ms)) ++taken;
  return taken;
}

TEST(Pace, Lets_twice_its_rate_pass_at_once_and_then_its_rate) {
  for (const std::size_t rate : {1U, 3U, 7U, 1000U}) {
    Pace pace;
    EXPECT_EQ(take_all(pace, rate, start_ms), 2 * rate);
    for (int second = 1; second <= 5; ++second) EXPECT_EQ(take_all(pace, rate, start_ms + second * 1000), rate);
    EXPECT_EQ(take_all(pace, rate, start_ms + 100'000), 2 * rate) << "what was not used adds up without end";
  }
}

TEST(Pace, Never_holds_back_who_keeps_to_it) {
  Pace pace;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(pace.take(10, start_ms + i * 100));
}

TEST(Pace, Says_after_how_many_seconds_there_is_one_again) {
  Pace slow;
  EXPECT_EQ(take_all(slow, 1, start_ms), 2);
  EXPECT_EQ(slow.wait_s(1, start_ms), 1);
  EXPECT_FALSE(slow.take(1, start_ms + 999));
  EXPECT_TRUE(slow.take(1, start_ms + 1000));
  Pace fast;
  EXPECT_EQ(take_all(fast, 1000, start_ms), 2000);
  EXPECT_EQ(fast.wait_s(1000, start_ms), 1) << "never 0";
}

TEST(Pace, Is_full_when_nothing_of_it_is_in_use) {
  Pace pace;
  EXPECT_TRUE(pace.full(start_ms));
  EXPECT_TRUE(pace.take(2, start_ms));
  EXPECT_FALSE(pace.full(start_ms + 499));
  EXPECT_TRUE(pace.full(start_ms + 500));
}

TEST(Pace, Forgives_a_clock_that_is_set_back_and_a_rate_that_was_lower) {
  Pace pace;
  EXPECT_EQ(take_all(pace, 5, start_ms), 10);
  EXPECT_LE(pace.wait_s(5, start_ms - 3'600'000), 1);
  EXPECT_FALSE(pace.take(5, start_ms - 3'600'000));
  EXPECT_TRUE(pace.take(5, start_ms - 3'600'000 + 1000));
  Pace lower;
  EXPECT_EQ(take_all(lower, 1, start_ms), 2);
  EXPECT_EQ(lower.wait_s(1000, start_ms), 1);
}

}  // namespace
}  // namespace crier::runtime
