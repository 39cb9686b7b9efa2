#include "broker/runtime/recent_count.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace crier::runtime {
namespace {

TEST(RecentCountTest, Knows_the_rate_of_what_goes_on_evenly) {
  RecentCount count;
  std::int64_t now_ms = 1'763'800'000'000;
  for (const std::int64_t end = now_ms + 60'000; now_ms < end; now_ms += 10) {
    count.add(now_ms);
    if (now_ms <= end - 10'000) continue;
    EXPECT_NEAR(count.per_second(now_ms), 100, 1);
  }
}

TEST(RecentCountTest, Forgets_within_two_periods) {
  RecentCount count;
  for (int i = 0; i < 1000; ++i) count.add(8192);
  EXPECT_GT(count.per_second(8192), 200);
  EXPECT_GT(count.per_second(8192 + 4096), 0);
  EXPECT_EQ(count.per_second(8192 + 2 * 4096), 0);
}

TEST(RecentCountTest, Starts_anew_after_a_clock_that_was_set) {
  RecentCount count;
  for (int i = 0; i < 1000; ++i) count.add(1'000'000);
  count.add(4096);
  EXPECT_LT(count.per_second(4096), 1);
  EXPECT_EQ(RecentCount{}.per_second(4096), 0);
}

}  // namespace
}  // namespace crier::runtime
