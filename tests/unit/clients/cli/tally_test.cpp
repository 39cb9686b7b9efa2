#include "clients/cli/tally.hpp"

#include <gtest/gtest.h>

namespace crier::cli {
namespace {

TEST(Tally, Says_only_what_was_published_when_nothing_else_happened) {
  Tally tally;
  EXPECT_EQ(tally.summary(0, 0), "0 lines published");
  tally.acknowledged();
  EXPECT_EQ(tally.summary(0, 0), "1 line published");
  for (int i = 0; i < 1'233; ++i) tally.acknowledged();
  EXPECT_EQ(tally.summary(0, 0), "1,234 lines published");
}

TEST(Tally, Names_the_first_line_that_failed_in_whatever_order_they_do) {
  Tally tally;
  for (const std::uint64_t line : {7U, 3U, 5U}) tally.refused(line);
  EXPECT_EQ(tally.refused_count(), 3U);
  EXPECT_EQ(tally.summary(0, 0), "0 lines published, 3 not, the first of them line 3");
}

TEST(Tally, Tells_what_may_be_there_twice_and_what_nobody_knows_of) {
  Tally tally;
  tally.acknowledged();
  tally.acknowledged();
  tally.doubtful();
  EXPECT_EQ(tally.summary(2, 3),
            "2 lines published, up to 1 of them twice, 2 without an acknowledgement, the first of them line 3");
}

}  // namespace
}  // namespace crier::cli
