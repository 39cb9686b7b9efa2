#include "clients/cli/text.hpp"

#include <gtest/gtest.h>

namespace crier::cli {
namespace {

TEST(Text, Groups_digits_by_three) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

TEST(Text, Writes_numbers_with_three_digits_that_count) {
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(0.5), "0.50");
  EXPECT_EQ(short_number(34.46), "34.5");
  EXPECT_EQ(short_number(999), "999");
  EXPECT_EQ(short_number(999.7), "1.00 k");
  EXPECT_EQ(short_number(12'345), "12.3 k");
  EXPECT_EQ(short_number(999'499), "999 k");
  EXPECT_EQ(short_number(1'020'000), "1.02 M");
  EXPECT_EQ(short_number(3e9), "3.00 G");
}

TEST(Text, Writes_bytes_and_times_in_the_unit_that_fits) {
  EXPECT_EQ(bytes_text(512), "512 B");
  EXPECT_EQ(bytes_text(1024), "1.00 KiB");
  EXPECT_EQ(bytes_text(45.2 * 1024 * 1024), "45.2 MiB");
  EXPECT_EQ(bytes_text(999.9 * 1024), "0.98 MiB");
  EXPECT_EQ(latency_text(0.000085), "85 us");
  EXPECT_EQ(latency_text(0.0009999), "1.00 ms");
  EXPECT_EQ(latency_text(0.25), "250 ms");
  EXPECT_EQ(latency_text(2.5), "2.50 s");
  EXPECT_EQ(span_text(12.9), "12 s");
  EXPECT_EQ(span_text(185), "3 min 5 s");
  EXPECT_EQ(span_text(3 * 3600 + 12 * 60), "3 h 12 min");
  EXPECT_EQ(span_text(8 * 86'400 + 3 * 3600), "8 d 3 h");
}

TEST(Text, Cuts_a_line_at_its_width_whatever_its_colours_are) {
  Line plain(/*colour=*/false);
  plain.add("abc", Style::strong).pad_to(5).add("defg").right_to(12, "xy");
  EXPECT_EQ(plain.text(80), "abc  defg xy");
  EXPECT_EQ(plain.text(7), "abc  de");
  Line coloured(/*colour=*/true);
  coloured.add("abc", Style::bad).add("def");
  EXPECT_EQ(coloured.text(4), "\x1b[1;31mabc\x1b[0md");
  EXPECT_EQ(coloured.width(), 6U);
}

TEST(Text, Leaves_nothing_that_a_terminal_would_take_for_a_command) {
  EXPECT_EQ(harmless("plain \xc3\xa9 text\t"), "plain \xc3\xa9 text\t");
  EXPECT_EQ(harmless("\x1b[2Jx\x07\x7f"), "\\u001b[2Jx\\u0007\\u007f");
  EXPECT_EQ(harmless("\xc2\x9b"
                     "2J"),
            "\\u009b2J");
}

TEST(Text, Spells_out_what_would_show_a_text_in_another_order) {
  EXPECT_EQ(harmless("a\u202etxt.exe"), "a\\u202etxt.exe");
  EXPECT_EQ(harmless("\u061c\u200e\u200f\u202a\u2066\u2069"), "\\u061c\\u200e\\u200f\\u202a\\u2066\\u2069");
  // Their neighbours, and one that was cut in the middle.
  for (const char* text : {"\u200d \u2010 \u2029 \u202f \u2065 \u206a \u061b", "\xe2\x80", "\xe2", "\xd8"}) {
    EXPECT_EQ(harmless(text), text);
  }
}

TEST(Text, Makes_one_line_of_several_and_ascii_of_anything) {
  EXPECT_EQ(harmless_line("one\ncrier pub: done"), "one\\u000acrier pub: done");
  EXPECT_EQ(ascii_only("a\x1b[2J\n\xc3\xa9"), "a?[2J???");
}

}  // namespace
}  // namespace crier::cli
