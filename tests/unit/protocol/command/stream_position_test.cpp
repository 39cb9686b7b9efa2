#include "protocol/command/stream_position.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/every_cut.hpp"

namespace crier::command {
namespace {

using Positions = std::vector<std::optional<Position>>;

constexpr std::uint32_t mark = 0xA1B2C3D4;
constexpr auto offset_max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

std::string text_of(const Positions& positions) {
  std::string text;
  append_stream_position(text, mark, positions);
  return text;
}

// base64url, written down a second time, for texts that the broker would not write.
std::string base64url(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string bits;
  for (const char byte : bytes) {
    for (int i = 7; i >= 0; --i) bits.push_back(static_cast<char>('0' + (static_cast<unsigned char>(byte) >> i & 1)));
  }
  while (bits.size() % 6 != 0) bits.push_back('0');
  std::string text;
  for (std::size_t i = 0; i < bits.size(); i += 6) text.push_back(digits[std::stoul(bits.substr(i, 6), nullptr, 2)]);
  return text;
}

// What stands before the number of channels.
std::string head() {
  return {'\x01', '\xA1', '\xB2', '\xC3', '\xD4'};
}

std::string refusal_of(std::string_view text, std::size_t channels, std::uint32_t of = mark) {
  const auto parsed = parse_stream_position(text, of, channels);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, ErrorCode::bad_request);
  EXPECT_EQ(parsed.error().field, "");
  return parsed.error().detail;
}

std::string refusal_of_bytes(const std::string& behind_head, std::size_t channels) {
  return refusal_of(base64url(head() + behind_head), channels);
}

TEST(StreamPosition, Is_written_as_the_documented_bytes) {
  const std::string bytes = head() + std::string{3, 1, 2, 'k', '3', 1, '\xAC', 2, 0, 1, 5};
  EXPECT_EQ(text_of({Position{"k3", 300}, std::nullopt, Position{"k3", 5}}), base64url(bytes));
  EXPECT_EQ(base64url("\xFB\xFF\xFE"), "-__-");
}

TEST(StreamPosition, Comes_back_as_it_was_for_none_some_and_all_channels) {
  const Position longest{"0123456789abcdeF", offset_max};
  for (const Positions& positions :
       {Positions{std::nullopt}, Positions{Position{"e", 0}}, Positions{longest},
        Positions{std::nullopt, Position{"a", 127}, Position{"b", 128}, Position{"a", 16383}, Position{"b", 16384}},
        Positions(stream_channels_max, longest), Positions(stream_channels_max)}) {
    const auto parsed = parse_stream_position(text_of(positions), mark, positions.size());
    ASSERT_TRUE(parsed) << text_of(positions);
    EXPECT_EQ(*parsed, positions);
  }
}

TEST(StreamPosition, Comes_back_when_every_channel_has_an_epoch_and_an_offset_of_the_longest_kind) {
  Positions positions;
  for (std::size_t i = 0; i < stream_channels_max; ++i) {
    positions.push_back(Position{std::string(15, 'e') + "0123456789ABCDEFGHIJKLMNOPQRSTUV"[i], offset_max - i});
  }
  const std::string text = text_of(positions);
  EXPECT_EQ(text.size(), ((7U + 32U * (1 + 16 + 1 + 9)) * 8 + 5) / 6);
  const auto parsed = parse_stream_position(text, mark, positions.size());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, positions);
}

TEST(StreamPosition, Comes_back_for_random_streams) {
  std::mt19937_64 random(20261122);
  for (int round = 0; round < 2000; ++round) {
    Positions positions(1 + random() % stream_channels_max);
    for (auto& position : positions) {
      if (random() % 4 != 0) position = Position{std::string(1 + random() % 3, 'e'), random() >> (1 + random() % 63)};
    }
    const auto parsed = parse_stream_position(text_of(positions), mark, positions.size());
    ASSERT_TRUE(parsed) << "round " << round;
    ASSERT_EQ(*parsed, positions) << "round " << round;
  }
}

TEST(StreamPosition, Names_an_epoch_once_however_many_channels_have_it) {
  const std::string one = text_of({Position{"0123456789abcdef", 1}});
  const std::string many = text_of(Positions(stream_channels_max, Position{"0123456789abcdef", 1}));
  EXPECT_EQ(many.size() * 6 / 8 - one.size() * 6 / 8, 31U * 2);
}

TEST(StreamPosition, Is_appended_to_what_is_there_and_needs_no_escape_in_a_URL_or_a_header) {
  std::string out = "id: ";
  append_stream_position(out, mark, Positions{Position{"zZ9", offset_max}});
  EXPECT_EQ(out, "id: " + text_of({Position{"zZ9", offset_max}}));
  for (const char c : out.substr(4)) {
    EXPECT_TRUE((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_');
  }
}

TEST(StreamPosition, Is_refused_wherever_it_is_cut_and_when_anything_follows) {
  const std::string text = text_of({Position{"k3x9", 1042}, std::nullopt, Position{"b", 7}});
  testing::for_every_cut(text, [&](std::string_view first, std::string_view second) {
    EXPECT_EQ(refusal_of(first, 3).empty(), second.empty()) << first;
  });
  for (const char more : {'A', '-', '=', ' ', '\n', '\0'}) EXPECT_NE(refusal_of(text + more, 3), "") << int{more};
}

TEST(StreamPosition, Is_refused_when_any_character_is_none_of_the_alphabet) {
  const std::string text = text_of({Position{"k3x9", 1042}});
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char bad : {'+', '/', '=', ' ', '.', '\0', '\x80', '\xFF'}) {
      std::string changed = text;
      changed[at] = bad;
      EXPECT_NE(refusal_of(changed, 1), "") << at;
    }
  }
}

TEST(StreamPosition, Has_no_second_text_for_the_same_value) {
  const std::string epoch = {1, 1, 'k'};  // of a stream with one epoch
  EXPECT_EQ(refusal_of_bytes(std::string{1} + epoch + std::string{1, 5}, 1), "");
  // An offset with a byte too many, of more than 63 bits, or without an end.
  EXPECT_NE(refusal_of_bytes(std::string{1} + epoch + std::string{1, '\x85', 0}, 1), "");
  EXPECT_NE(refusal_of_bytes(std::string{1} + epoch + '\1' + std::string(9, '\x80') + '\1', 1), "");
  EXPECT_NE(refusal_of_bytes(std::string{1} + epoch + '\1' + std::string(9, '\xFF'), 1), "");
  // An epoch that nobody uses, that comes twice, that comes too early, that is not there, or is none.
  EXPECT_NE(refusal_of_bytes({1, 1, 1, 'k', 0}, 1), "");
  EXPECT_NE(refusal_of_bytes({2, 2, 1, 'k', 1, 'k', 1, 5, 2, 5}, 2), "");
  EXPECT_NE(refusal_of_bytes({2, 2, 1, 'k', 1, 'l', 2, 5, 1, 5}, 2), "");
  EXPECT_NE(refusal_of_bytes({1, 1, 1, 'k', 2, 5}, 1), "");
  EXPECT_NE(refusal_of_bytes({1, 1, 0, 1, 5}, 1), "");
  EXPECT_NE(refusal_of_bytes({1, 1, 1, ':', 1, 5}, 1), "");
  EXPECT_NE(refusal_of_bytes(std::string{1, 1, 17} + std::string(17, 'k') + std::string{1, 5}, 1), "");
  EXPECT_NE(refusal_of_bytes({1, 2, 1, 'k', 1, 'l', 1, 5}, 1), "");
  // A digit that is no byte.
  const std::string full = base64url(head() + std::string{2, 0, 0, 0});
  ASSERT_EQ(refusal_of(full, 2), "");
  ASSERT_EQ(full.size() % 4, 0U);
  EXPECT_NE(refusal_of(full + 'A', 2), "");
  // Bits behind the last byte.
  std::string text = base64url(head() + std::string{1, 0, 0});
  ASSERT_EQ(refusal_of(text, 1), "");
  ASSERT_EQ(text.back(), 'A');
  text.back() = 'B';
  EXPECT_NE(refusal_of(text, 1), "");
}

TEST(StreamPosition, Says_in_a_sentence_why_it_is_refused) {
  EXPECT_EQ(refusal_of("17", 1), "must be the id of an event as this server gave it, found '17'");
  EXPECT_EQ(refusal_of("", 1), "must be the id of an event as this server gave it, found ''");
  const std::string text = text_of({Position{"a", 1}, Position{"a", 2}});
  EXPECT_EQ(refusal_of(text, 3),
            "is of a stream with 2 channels, but this one has 3: the URL must name the same ones in the same order");
  EXPECT_EQ(refusal_of(text, 2, mark + 1),
            "is of a stream with other channels: the URL must name the same ones in the same order");
}

TEST(StreamPosition, Is_refused_in_another_version_with_no_channel_and_when_it_is_far_too_long) {
  EXPECT_EQ(refusal_of(base64url(std::string{1, 0, 0, 0, 1, 1, 0, 0}), 1, 1), "");
  EXPECT_NE(refusal_of(base64url(std::string{2, 0, 0, 0, 1, 1, 0, 0}), 1, 1), "");
  for (const char count : {'\0', '\x21'}) {
    EXPECT_EQ(refusal_of_bytes({count, 0}, 1).substr(0, 19), "must be the id of a");
  }
  const std::string refusal = refusal_of(std::string(1'000'000, 'A'), 1);
  EXPECT_NE(refusal, "");
  EXPECT_LT(refusal.size(), 200U);
}

TEST(StreamMark, Tells_other_channels_another_order_and_another_cut_apart) {
  const auto of = [](std::vector<std::string> channels) { return stream_mark(channels); };
  EXPECT_EQ(of({"a", "b"}), of({"a", "b"}));
  EXPECT_NE(of({"a", "b"}), of({"b", "a"}));
  EXPECT_NE(of({"a", "b"}), of({"ab"}));
  EXPECT_NE(of({"a", "bc"}), of({"ab", "c"}));
  EXPECT_NE(of({"a"}), of({"a", "a"}));
  // Ids are stored by browsers: the mark of a stream must be the same in every build.
  EXPECT_EQ(of({"a"}), 0x2524C6D2U);
}

}  // namespace
}  // namespace crier::command
