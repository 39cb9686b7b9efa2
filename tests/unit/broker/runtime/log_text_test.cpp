#include "broker/runtime/log_text.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace crier::runtime {
namespace {

std::string field(std::string_view text, std::size_t bytes_max = log_field_bytes_max) {
  std::string line;
  append_quoted(line, text, bytes_max);
  return line;
}

TEST(LogText, Leaves_ordinary_text_of_every_language_as_it_is) {
  for (const std::string text : {"", "plain", "Ünïcode", "日本語", "тест", "😀", "a/b?c=d&e"}) {
    EXPECT_EQ(field(text), '"' + text + '"');
  }
}

TEST(LogText, Escapes_what_could_break_or_forge_a_line) {
  EXPECT_EQ(field("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(field("\r\n\t"), "\"\\u000d\\u000a\\u0009\"");
  EXPECT_EQ(field(std::string_view("\0", 1)), "\"\\u0000\"");
  EXPECT_EQ(field("\x1b[2J\x7f"), "\"\\u001b[2J\\u007f\"");
  EXPECT_EQ(field("\xc2\x85\xc2\x9b"), "\"\\u0085\\u009b\"") << "C1: next line, and another spelling of ESC [";
  EXPECT_EQ(field("\xe2\x80\xa8\xe2\x80\xa9"), "\"\\u2028\\u2029\"") << "line and paragraph separator";
  EXPECT_EQ(field("\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf"), "\"\\u202e\\u2066\\u200b\\ufeff\"")
      << "what turns the direction of writing, and what takes no room";
}

TEST(LogText, Takes_bytes_that_are_no_utf8_for_the_replacement_character) {
  for (const std::string_view text : {"\xff", "\x80", "\xc0", "\xc1", "\xf5"}) {
    EXPECT_EQ(field(text), "\"\\ufffd\"");
  }
  EXPECT_EQ(field("\xc0\xaf"), "\"\\ufffd\\ufffd\"") << "an overlong slash";
  EXPECT_EQ(field("\xe0\x80\x8a"), "\"\\ufffd\\ufffd\\ufffd\"") << "an overlong line end";
  EXPECT_EQ(field("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"") << "a surrogate";
  EXPECT_EQ(field("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"") << "above U+10FFFF";
  EXPECT_EQ(field("a\xe2\x80"), "\"a\\ufffd\\ufffd\"") << "cut at the end";
  EXPECT_EQ(field("\xe2\x80z"), "\"\\ufffd\\ufffdz\"") << "the byte behind is kept";
}

TEST(LogText, Cuts_between_characters_and_says_so) {
  EXPECT_EQ(field("abcdef", 3), "\"abc…\"");
  EXPECT_EQ(field("abc", 3), "\"abc\"");
  EXPECT_EQ(field("aé", 2), "\"a…\"");
  EXPECT_EQ(field("\n\n\n", 2), "\"\\u000a\\u000a…\"");
  EXPECT_LT(field(std::string(1'000'000, '\n')).size(), 6 * log_field_bytes_max + 10);
}

TEST(LogText, Is_json_whatever_goes_in) {
  for (unsigned first = 0; first < 256; ++first) {
    for (const unsigned second : {0x00U, 0x22U, 0x5CU, 0x80U, 0xBFU, 0xFFU}) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      EXPECT_TRUE(nlohmann::json::parse(field(text)).is_string()) << first << ' ' << second;
    }
  }
}

TEST(LogText, Keeps_the_quotes_of_our_own_sentences_and_escapes_the_rest) {
  std::string line;
  append_plain(line, "cannot open \"a\\b\":\n\xff");
  EXPECT_EQ(line, "cannot open \"a\\b\":\\u000a\\ufffd");
}

}  // namespace
}  // namespace crier::runtime
