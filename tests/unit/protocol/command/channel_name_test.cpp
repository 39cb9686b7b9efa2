#include "protocol/command/channel_name.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/every_cut.hpp"

namespace crier::command {
namespace {

TEST(ChannelName, Is_valid_with_and_without_a_namespace) {
  for (const std::string_view name :
       {"a", "news", "news.uk.weather", "chat:room.1", "chat:a", "A-b_9:x", "presence-user@example.org", "chat:a:b:c",
        "private-encrypted-x", "a/b?c=d&e", "$SYS.x", "{a}[b]|~!"}) {
    EXPECT_EQ(check_channel_name(name), "") << name;
  }
}

TEST(ChannelName, Is_1_to_255_bytes_long) {
  EXPECT_EQ(check_channel_name(""), "must be 1 to 255 bytes long, has 0");
  EXPECT_EQ(check_channel_name(std::string(255, 'a')), "");
  EXPECT_EQ(check_channel_name(std::string(256, 'a')), "must be 1 to 255 bytes long, has 256");
}

TEST(ChannelName, Says_what_is_wrong_and_where) {
  EXPECT_EQ(check_channel_name(":a"), "has an empty namespace: nothing stands before the ':'");
  EXPECT_EQ(check_channel_name(":"), "has an empty namespace: nothing stands before the ':'");
  EXPECT_EQ(check_channel_name("chat:"), "has an empty token at character 6: each '.' stands between two tokens");
  EXPECT_EQ(check_channel_name("a..b"), "has an empty token at character 3: each '.' stands between two tokens");
  EXPECT_EQ(check_channel_name(".a"), "has an empty token at character 1: each '.' stands between two tokens");
  EXPECT_EQ(check_channel_name("a."), "has an empty token at character 3: each '.' stands between two tokens");
  EXPECT_EQ(check_channel_name("chat:.a"), "has an empty token at character 6: each '.' stands between two tokens");
  EXPECT_EQ(check_channel_name("a b"),
            "has a space at character 2, but holds printable ASCII only, without space, '*', '>', '\"' and '\\'");
  EXPECT_EQ(check_channel_name("a.b:c"),
            "has '.' at character 2, in the namespace before the first ':', which holds letters, digits, '_' and '-' "
            "only");
  EXPECT_EQ(check_channel_name("news.*"), "has the wildcard '*' at character 6, but must be one channel's name");
  EXPECT_EQ(check_channel_name("a>"), "has the wildcard '>' at character 2, but must be one channel's name");
}

TEST(ChannelName, Allows_in_a_token_just_printable_ASCII_without_the_reserved_ones) {
  for (int c = 0; c < 256; ++c) {
    const std::string name = {'n', ':', 'a', static_cast<char>(c), 'b'};
    const bool expected =
        c > 0x20 && c < 0x7F && std::string_view("*>\"\\").find(static_cast<char>(c)) == std::string::npos;
    EXPECT_EQ(check_channel_name(name).empty(), expected) << c;
  }
}

TEST(ChannelName, Allows_in_a_namespace_just_letters_digits_underscore_and_minus) {
  for (int c = 0; c < 256; ++c) {
    const std::string name = {'n', static_cast<char>(c), 'm', ':', 'a'};
    // A ':' there is the first one, and ends the namespace itself.
    const bool expected =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == ':';
    EXPECT_EQ(check_channel_name(name).empty(), expected) << c;
  }
}

TEST(ChannelName, Is_judged_whole_wherever_it_is_cut) {
  // Both halves of a valid name are names but for those that an empty half or a dot at the cut spoils.
  constexpr std::string_view name = "ab:cd.ef";
  testing::for_every_cut(name, [&](std::string_view first, std::string_view second) {
    const bool first_ends_well = !first.empty() && first.back() != '.' && first.back() != ':';
    EXPECT_EQ(check_channel_name(first).empty(), first_ends_well) << first;
    const bool second_begins_well = !second.empty() && second.front() != '.' && second.front() != ':';
    EXPECT_EQ(check_channel_name(second).empty(), second_begins_well) << second;
  });
}

TEST(ChannelPattern, Takes_wildcards_as_whole_tokens) {
  for (const std::string_view pattern : {"*", ">", "news.*", "news.*.uk", "*.*", "*.uk", "news.>", "*.>", "chat:>",
                                         "chat:*", "chat:room.>", "chat:*.b"}) {
    EXPECT_EQ(check_channel_pattern(pattern), "") << pattern;
    EXPECT_TRUE(looks_like_pattern(pattern)) << pattern;
    EXPECT_NE(check_channel_name(pattern), "") << pattern;
  }
}

TEST(ChannelPattern, Says_what_is_wrong_and_where) {
  EXPECT_EQ(check_channel_pattern("news.a*"),
            "has '*' at character 7, but '*' stands for one whole token between dots");
  EXPECT_EQ(check_channel_pattern("news.*a"),
            "has '*' at character 6, but '*' stands for one whole token between dots");
  EXPECT_EQ(check_channel_pattern("**"), "has '*' at character 1, but '*' stands for one whole token between dots");
  EXPECT_EQ(check_channel_pattern("news.>.a"),
            "has '>' at character 6, but '>' stands for all further tokens, alone after the last dot");
  EXPECT_EQ(check_channel_pattern("a>"),
            "has '>' at character 2, but '>' stands for all further tokens, alone after the last dot");
  EXPECT_EQ(check_channel_pattern(">>"),
            "has '>' at character 1, but '>' stands for all further tokens, alone after the last dot");
  EXPECT_EQ(check_channel_pattern("c*:a"),
            "has '*' at character 2, in the namespace before the first ':', which holds letters, digits, '_' and '-' "
            "only");
  EXPECT_EQ(check_channel_pattern("news.uk"), "has no wildcard ('*' or '>'): it is a channel's name and no pattern");
  EXPECT_EQ(check_channel_pattern("*."), "has an empty token at character 3: each '.' stands between two tokens");
  EXPECT_EQ(check_channel_pattern(""), "must be 1 to 255 bytes long, has 0");
}

TEST(ChannelPattern, Is_suspected_wherever_a_wildcard_character_stands) {
  EXPECT_TRUE(looks_like_pattern("a*b"));
  EXPECT_TRUE(looks_like_pattern("a>"));
  EXPECT_FALSE(looks_like_pattern("chat:room.1"));
  EXPECT_FALSE(looks_like_pattern(""));
}

TEST(ChannelName, Gives_its_namespace) {
  EXPECT_EQ(namespace_of("chat:room.1"), "chat");
  EXPECT_EQ(namespace_of("chat:a:b"), "chat");
  EXPECT_EQ(namespace_of("chat:>"), "chat");
  EXPECT_EQ(namespace_of("news.uk"), "");
}

TEST(Position, Is_an_epoch_and_an_offset) {
  const auto position = Position::parse("k3X9:1042");
  ASSERT_TRUE(position);
  EXPECT_EQ(position->epoch, "k3X9");
  EXPECT_EQ(position->offset, 1042U);
  EXPECT_EQ(position->text(), "k3X9:1042");
  EXPECT_EQ(Position::parse("a:007")->offset, 7U);
  EXPECT_EQ(Position::parse("a:0")->text(), "a:0");
}

TEST(Position, Reaches_to_nineteen_digits) {
  const auto largest = Position::parse("0123456789abcdef:9999999999999999999");
  ASSERT_TRUE(largest);
  EXPECT_EQ(largest->offset, 9999999999999999999U);
  EXPECT_EQ(largest->text(), "0123456789abcdef:9999999999999999999");
  EXPECT_FALSE(Position::parse("a:10000000000000000000"));
}

TEST(Position, Is_refused_in_any_other_form) {
  for (const std::string_view text :
       {"", ":", "a", "a:", ":1", "a:1 ", " a:1", "a:-1", "a:+1", "a:1x", "a:1:2", "a b:1", "a_b:1", "a:0x1",
        "0123456789abcdefg:1", "a:00000000000000000001", "é:1"}) {
    EXPECT_FALSE(Position::parse(text)) << text;
  }
  EXPECT_EQ(Position::parse("abc").error(),
            (Error{ErrorCode::bad_request, "",
                   "must be a position as the server gave it (epoch:offset, such as 'k3x9:1042'), found 'abc'"}));
}

TEST(Position, Is_whole_only_where_both_parts_are_wherever_it_is_cut) {
  testing::for_every_cut("ab:12", [](std::string_view first, std::string_view) {
    EXPECT_EQ(static_cast<bool>(Position::parse(first)), first.size() >= 4) << first;
  });
}

}  // namespace
}  // namespace crier::command
