#include "clients/cli/option_values.hpp"

#include <gtest/gtest.h>

namespace crier::cli {
namespace {

using std::chrono::milliseconds;

TEST(OptionValues, Reads_times_in_seconds_or_with_a_unit) {
  EXPECT_EQ(parse_time("2"), milliseconds(2000));
  EXPECT_EQ(parse_time("0.5"), milliseconds(500));
  EXPECT_EQ(parse_time("250ms"), milliseconds(250));
  EXPECT_EQ(parse_time("5m"), milliseconds(300'000));
  for (const char* text : {"", "0", "-1", "0s", "soon", "5 m", "nan", "inf", "1e9", "0.00001", "99999h"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

TEST(OptionValues, Reads_counts_from_one) {
  EXPECT_EQ(parse_count("1"), 1U);
  EXPECT_EQ(parse_count("0", 0), 0U);
  for (const char* text : {"", "0", "-1", "1x", " 1", "99999999999999999999"}) {
    EXPECT_EQ(parse_count(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace crier::cli
