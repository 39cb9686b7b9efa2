#include "clients/cli/throttle.hpp"

#include <gtest/gtest.h>

namespace crier::cli {
namespace {

using std::chrono::milliseconds;

constexpr Throttle::Clock::time_point start(std::chrono::hours(1));

TEST(Throttle, Keeps_to_the_rate_and_makes_up_for_a_short_delay) {
  Throttle throttle(100);
  throttle.start(start);
  throttle.sent(start);
  EXPECT_EQ(throttle.next_at(), start + milliseconds(10));
  throttle.sent(start + milliseconds(35));
  EXPECT_EQ(throttle.next_at(), start + milliseconds(20)) << "two more are due at once";
}

TEST(Throttle, Does_not_make_up_for_a_long_delay_by_a_burst) {
  Throttle throttle(100);
  throttle.start(start);
  throttle.sent(start + std::chrono::seconds(30));
  EXPECT_EQ(throttle.next_at(), start + std::chrono::seconds(30) - milliseconds(50));
}

TEST(Throttle, Never_waits_where_no_rate_is_asked_for) {
  Throttle throttle(0);
  throttle.start(start);
  for (int i = 0; i < 1000; ++i) throttle.sent(start);
  EXPECT_LE(throttle.next_at(), start);
}

TEST(Throttle, Halves_what_is_on_its_way_once_for_a_pause_and_grows_with_each_acknowledgement) {
  Throttle throttle(0);
  throttle.start(start);
  const std::size_t whole = throttle.in_flight_max();
  EXPECT_TRUE(throttle.limited(start, milliseconds(500)));
  EXPECT_FALSE(throttle.limited(start + milliseconds(100), milliseconds(500))) << "the same limit, of another message";
  EXPECT_EQ(throttle.in_flight_max(), whole / 2);
  EXPECT_EQ(throttle.next_at(), start + milliseconds(500));
  throttle.acknowledged();
  EXPECT_EQ(throttle.in_flight_max(), whole / 2 + 1);
  auto now = start;
  for (int i = 0; i < 20; ++i) throttle.limited(now += milliseconds(500), milliseconds(500));
  EXPECT_EQ(throttle.in_flight_max(), 1U);
  for (std::size_t i = 0; i < 2 * whole; ++i) throttle.acknowledged();
  EXPECT_EQ(throttle.in_flight_max(), whole);
}

TEST(Throttle, Has_patience_from_the_first_wait_until_something_goes_through) {
  Throttle throttle(0);
  throttle.start(start);
  EXPECT_FALSE(throttle.stuck());
  EXPECT_TRUE(throttle.may_wait(start, milliseconds(1000)));
  EXPECT_TRUE(throttle.may_wait(start + milliseconds(999), milliseconds(1000)));
  EXPECT_FALSE(throttle.may_wait(start + milliseconds(1000), milliseconds(1000)));
  throttle.acknowledged();
  EXPECT_FALSE(throttle.stuck());
  EXPECT_TRUE(throttle.may_wait(start + milliseconds(5000), milliseconds(1000)));
}

}  // namespace
}  // namespace crier::cli
