#include "broker/hub/message.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/support/server_frames.hpp"

namespace crier::hub {
namespace {

MessagePtr message(std::string_view channel, std::string_view data, const MessageOptions& options = {},
                   std::string_view epoch = "ep", std::uint64_t offset = 7, std::int64_t time_ms = 1234) {
  return MessageDraft(channel, hash_of(channel), data, options).seal({epoch, offset, offset, time_ms});
}

TEST(Message, Is_one_whole_frame_with_its_push_position_and_time) {
  const MessagePtr sealed = message("news", R"({"a":1})");
  constexpr std::string_view json = R"({"op":"message","channel":"news","data":{"a":1},"position":"ep:7","time":1234})";
  EXPECT_EQ(sealed->json(), json);
  EXPECT_EQ(sealed->frame(), std::string(1, '\x81').append(1, static_cast<char>(json.size())).append(json));
  EXPECT_EQ(sealed->channel(), "news");
  EXPECT_EQ(sealed->data_json(), R"({"a":1})");
  EXPECT_EQ(sealed->offset(), 7U);
  EXPECT_EQ(sealed->time_ms(), 1234);
  EXPECT_EQ(sealed->channel_hash(), hash_of("news"));
}

TEST(Message, Says_when_its_data_is_base64) {
  EXPECT_EQ(message("a", R"("AAE=")", {.encoding = command::Encoding::base64})->json(),
            R"({"op":"message","channel":"a","data":"AAE=","encoding":"base64","position":"ep:7","time":1234})");
}

TEST(Message, Gets_the_right_length_in_its_head_on_both_sides_of_every_boundary) {
  const std::size_t around = message("a", R"("")")->json().size();
  for (const std::size_t boundary : {std::size_t{125}, std::size_t{65535}}) {
    for (const std::size_t payload : {boundary - 1, boundary, boundary + 1}) {
      const MessagePtr sealed = message("a", '"' + std::string(payload - around, 'x') + '"');
      ASSERT_EQ(sealed->json().size(), payload);
      const auto texts = testing::read_texts(sealed->frame());
      ASSERT_EQ(texts.size(), 1U);
      EXPECT_EQ(texts[0], sealed->json());
    }
  }
}

TEST(Message, Has_room_for_the_longest_epoch_offset_and_time) {
  const MessagePtr sealed = message("a", "1", {.encoding = command::Encoding::base64}, "0123456789abcdef",
                                    18446744073709551615U, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(sealed->json(), R"({"op":"message","channel":"a","data":1,"encoding":"base64",)"
                            R"("position":"0123456789abcdef:18446744073709551615","time":-9223372036854775808})");
}

TEST(Message, Carries_a_channel_name_of_255_bytes) {
  const std::string name(255, 'n');
  const MessagePtr sealed = message(name, "1");
  EXPECT_EQ(sealed->channel(), name);
  EXPECT_EQ(testing::read_texts(sealed->frame()).size(), 1U);
}

TEST(Message, Costs_the_same_before_and_after_it_is_sealed) {
  MessageDraft draft("a", hash_of("a"), "12345", {});
  const std::size_t bytes = draft->bytes();
  EXPECT_EQ(std::move(draft).seal({"e", 1, 1, 1})->bytes(), bytes);
  EXPECT_GT(bytes, sizeof(Message) + 5);
}

TEST(Message, Excludes_the_publisher_the_named_session_both_or_nobody) {
  const SessionId publisher{1, 2};
  const SessionId other{1, 3};
  const SessionId third{2, 2};
  const MessagePtr plain = message("a", "1");
  EXPECT_FALSE(plain->excludes_anyone());
  EXPECT_FALSE(plain->excludes({}));
  const MessagePtr quiet = message("a", "1", {.echo_off = &publisher});
  EXPECT_TRUE(quiet->excludes_anyone());
  EXPECT_TRUE(quiet->excludes(publisher));
  EXPECT_FALSE(quiet->excludes(other));
  const MessagePtr both = message("a", "1", {.echo_off = &publisher, .exclude = &other});
  EXPECT_TRUE(both->excludes(publisher));
  EXPECT_TRUE(both->excludes(other));
  EXPECT_FALSE(both->excludes(third));
}

TEST(Message, Lives_until_the_last_of_many_threads_lets_go) {
  MessagePtr shared = message("a", "12345");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([mine = shared] {
      for (int n = 0; n < 1000; ++n) {
        const MessagePtr copy = mine;
        ASSERT_EQ(copy->data_json(), "12345");
      }
    });
  }
  shared = MessagePtr{};
  for (std::thread& thread : threads) thread.join();
}

TEST(SessionId, Is_32_hexadecimal_digits_there_and_back) {
  const SessionId id{0x0123456789abcdef, 0xfedcba9876543210};
  EXPECT_EQ(id.text(), "0123456789abcdeffedcba9876543210");
  EXPECT_EQ(SessionId{}.text(), std::string(32, '0'));
  SessionId read;
  ASSERT_TRUE(SessionId::parse(id.text(), read));
  EXPECT_EQ(read, id);
}

TEST(SessionId, Is_not_read_from_anything_else) {
  SessionId id;
  for (const char* text :
       {"", "0", "0123456789abcdeffedcba987654321", "0123456789abcdeffedcba98765432100",
        "0123456789abcdeg0123456789abcdef", "0123456789abcdef0123456789abcde ", "-123456789abcdef0123456789abcdef",
        "0x23456789abcdef0123456789abcdef", "0123456789abcdef-123456789abcdef", " 123456789abcdef0123456789abcdef"}) {
    EXPECT_FALSE(SessionId::parse(text, id)) << text;
  }
}

}  // namespace
}  // namespace crier::hub
