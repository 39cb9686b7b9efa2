#include "broker/config/units.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string_view>

namespace crier::config {
namespace {

using std::chrono::milliseconds;

TEST(Size, Reads_each_unit_and_a_number_alone_as_bytes) {
  EXPECT_EQ(parse_size("0"), 0);
  EXPECT_EQ(parse_size("256"), 256);
  EXPECT_EQ(parse_size("64B"), 64);
  EXPECT_EQ(parse_size("16KiB"), 16'384);
  EXPECT_EQ(parse_size("1MiB"), 1'048'576);
  EXPECT_EQ(parse_size("3GiB"), 3'221'225'472);
}

TEST(Size, Refuses_other_forms_and_what_does_not_fit) {
  for (const std::string_view text : {"", "KiB", "16KB", "16K", "16kib", "16 KiB", " 16KiB", "16KiB ", "1.5MiB", "-1",
                                      "+1", "0x10", "1TiB", "16KiBKiB", "9223372036854775808", "8589934592GiB"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_size("8589934591GiB"), 8'589'934'591 * 1'073'741'824);
}

TEST(Duration, Reads_each_unit) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("10s"), milliseconds(10'000));
  EXPECT_EQ(parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(parse_duration("1h"), milliseconds(3'600'000));
}

TEST(Duration, Refuses_a_number_without_its_unit_and_other_forms) {
  for (const std::string_view text :
       {"", "10", "s", "10 s", "10S", "10sec", "1h30m", "1.5s", "-1s", "+1s", "1d", "2562047788016h", "1us"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Units, Are_spelled_in_the_largest_one_that_is_exact_and_read_back) {
  EXPECT_EQ(size_text(0), "0");
  EXPECT_EQ(size_text(1), "1B");
  EXPECT_EQ(size_text(1'023), "1023B");
  EXPECT_EQ(size_text(1'024), "1KiB");
  EXPECT_EQ(size_text(1'536), "1536B");
  EXPECT_EQ(size_text(2'098'176), "2049KiB");
  EXPECT_EQ(size_text(1'073'741'824), "1GiB");
  EXPECT_EQ(duration_text(milliseconds(0)), "0ms");
  EXPECT_EQ(duration_text(milliseconds(1'500)), "1500ms");
  EXPECT_EQ(duration_text(milliseconds(75'000)), "75s");
  EXPECT_EQ(duration_text(milliseconds(120'000)), "2m");
  EXPECT_EQ(duration_text(milliseconds(7'200'000)), "2h");
  for (const std::int64_t n : {0L, 1L, 999L, 1'024L, 60'000L, 1'048'577L, std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(parse_size(size_text(n)), n);
    EXPECT_EQ(parse_duration(duration_text(milliseconds(n))), milliseconds(n));
  }
}

}  // namespace
}  // namespace crier::config
