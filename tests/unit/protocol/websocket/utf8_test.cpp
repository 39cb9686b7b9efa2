#include "protocol/websocket/utf8.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/every_cut.hpp"
#include "tests/support/reference_utf8.hpp"

namespace crier::websocket {
namespace {

using crier::testing::for_each_piece;
using crier::testing::for_every_cut;
using crier::testing::judge_utf8;
using crier::testing::Utf8Verdict;

Utf8Verdict verdict(std::string_view text) {
  Utf8Validator validator;
  if (!validator.feed(text)) return Utf8Verdict::broken;
  return validator.complete() ? Utf8Verdict::whole : Utf8Verdict::unfinished;
}

// How many bytes are taken, one by one, before the first is refused.
std::size_t good_bytes(std::string_view text) {
  Utf8Validator validator;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!validator.feed(text.substr(i, 1))) return i;
  }
  return text.size();
}

TEST(Utf8, Agrees_with_the_reference_on_every_sequence_of_one_to_three_bytes) {
  std::string text;
  for (unsigned a = 0; a < 256; ++a) {
    text.assign(1, static_cast<char>(a));
    ASSERT_EQ(verdict(text), judge_utf8(text)) << std::hex << a;
    for (unsigned b = 0; b < 256; ++b) {
      text.resize(1);
      text += static_cast<char>(b);
      ASSERT_EQ(verdict(text), judge_utf8(text)) << std::hex << a << ' ' << b;
      text += '\0';
      for (unsigned c = 0; c < 256; ++c) {
        text[2] = static_cast<char>(c);
        ASSERT_EQ(verdict(text), judge_utf8(text)) << std::hex << a << ' ' << b << ' ' << c;
      }
    }
  }
}

TEST(Utf8, Agrees_with_the_reference_around_every_boundary_of_four_bytes) {
  const std::vector<unsigned> edges = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
  for (unsigned lead = 0xEF; lead < 256; ++lead) {
    for (const unsigned b : edges) {
      for (const unsigned c : edges) {
        for (const unsigned d : edges) {
          const std::string text = {static_cast<char>(lead), static_cast<char>(b), static_cast<char>(c),
                                    static_cast<char>(d)};
          ASSERT_EQ(verdict(text), judge_utf8(text)) << std::hex << lead << ' ' << b << ' ' << c << ' ' << d;
        }
      }
    }
  }
}

TEST(Utf8, Takes_the_first_and_last_character_of_every_length) {
  for (const char* text : {"\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(valid_utf8(text)) << text;
  }
  EXPECT_TRUE(valid_utf8(""));
  EXPECT_TRUE(valid_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, Fails_at_the_earliest_byte_that_condemns_the_text) {
  EXPECT_EQ(good_bytes("a\x80"), 1U);
  EXPECT_EQ(good_bytes("a\xC0\x80"), 1U);
  EXPECT_EQ(good_bytes("a\xC1\x80"), 1U);
  EXPECT_EQ(good_bytes("a\xE0\x80\x80"), 2U);
  EXPECT_EQ(good_bytes("a\xED\xA0\x80"), 2U);
  EXPECT_EQ(good_bytes("a\xF0\x80\x80\x80"), 2U);
  EXPECT_EQ(good_bytes("a\xF4\x90\x80\x80"), 2U);
  EXPECT_EQ(good_bytes("a\xF5\x80\x80\x80"), 1U);
  EXPECT_EQ(good_bytes("a\xFF"), 1U);
  EXPECT_EQ(good_bytes("a\xC3z"), 2U);
  EXPECT_EQ(good_bytes("a\xE2\x82z"), 3U);
  EXPECT_EQ(good_bytes("a\xF0\x9F\x98z"), 4U);
}

TEST(Utf8, Stays_false_after_a_fault_and_begins_anew_after_a_reset) {
  Utf8Validator validator;
  EXPECT_FALSE(validator.feed("\xFF"));
  EXPECT_FALSE(validator.feed("good"));
  EXPECT_FALSE(validator.feed(""));
  EXPECT_FALSE(validator.complete());
  validator.reset();
  EXPECT_TRUE(validator.feed("good"));
  EXPECT_TRUE(validator.complete());
}

TEST(Utf8, Is_complete_only_between_characters) {
  Utf8Validator validator;
  for (const char* piece : {"\xF0", "\x9F", "\x98"}) {
    EXPECT_TRUE(validator.feed(piece));
    EXPECT_FALSE(validator.complete());
  }
  EXPECT_TRUE(validator.feed("\x80"));
  EXPECT_TRUE(validator.complete());
  EXPECT_FALSE(valid_utf8("\xF0\x9F\x98"));
}

TEST(Utf8, Gives_the_same_verdict_for_every_cut_and_piece) {
  const std::string mixed =
      "plain ascii that is longer than a step, then κόσμε, 漢字, \xF0\x9F\x98\x80 and ascii again";
  for (const std::string& text :
       {mixed, mixed + "\xED\xA0\x80 tail that is long enough for another step", mixed + "\xE2"}) {
    const Utf8Verdict whole = verdict(text);
    EXPECT_EQ(whole, judge_utf8(text));
    for_every_cut(text, [&](std::string_view first, std::string_view second) {
      Utf8Validator validator;
      const bool fed = validator.feed(first) && validator.feed(second);
      ASSERT_EQ(fed, whole != Utf8Verdict::broken) << first.size();
      ASSERT_EQ(validator.complete(), whole == Utf8Verdict::whole) << first.size();
    });
    for (std::size_t bytes = 1; bytes < 40; ++bytes) {
      Utf8Validator validator;
      bool fed = true;
      for_each_piece(text, bytes, [&](std::string_view piece) { fed = validator.feed(piece) && fed; });
      ASSERT_EQ(fed, whole != Utf8Verdict::broken) << bytes;
    }
  }
}

TEST(Utf8, Finds_one_bad_byte_at_every_place_of_a_long_text) {
  for (std::size_t size = 1; size <= 100; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      ASSERT_TRUE(valid_utf8(text));
      text[at] = '\x80';
      ASSERT_FALSE(valid_utf8(text)) << size << ' ' << at;
    }
  }
}

TEST(Utf8, Does_not_skip_ASCII_inside_a_character) {
  for (std::size_t before = 0; before <= 70; ++before) {
    for (const std::size_t within : {std::size_t{1}, std::size_t{8}, std::size_t{32}, std::size_t{64}}) {
      const std::string text = std::string(before, 'a') + "\xC3" + std::string(within, 'b') + "\xA9";
      ASSERT_EQ(verdict(text), Utf8Verdict::broken) << before << ' ' << within;
    }
  }
}

}  // namespace
}  // namespace crier::websocket
