#include "clients/cli/bench/server_message.hpp"

#include <gtest/gtest.h>

#include <string>

#include "protocol/websocket/frame_writer.hpp"

namespace crier::cli::benchmark {
namespace {

const std::string push = R"({"op":"message","channel":"bench.1","data":"@@and so on","position":"x:1","time":5})";

TEST(DataOf, Finds_the_data_where_it_is_expected) {
  EXPECT_TRUE(data_of(push, data_offset("bench.1")).starts_with("@@and so on\""));
}

TEST(DataOf, Finds_the_data_elsewhere_too) {
  EXPECT_TRUE(data_of(push, data_offset("bench.100")).starts_with("@@and so on\""));
  EXPECT_TRUE(data_of(R"({"op":"message","data":"@@x","channel":"bench.1"})", 44).starts_with("@@x\""));
}

TEST(DataOf, Is_nothing_where_there_is_no_text_as_data) {
  EXPECT_EQ(data_of(R"({"op":"message","channel":"bench.1","data":17})", 44), "");
  EXPECT_EQ(data_of("", 44), "");
  EXPECT_EQ(data_of(push.substr(0, 40), 44), "");
}

TEST(PublishedId, Is_the_number_of_a_published_alone) {
  EXPECT_EQ(published_id(R"({"op":"published","id":17,"channel":"a"})"), 17U);
  EXPECT_EQ(published_id(R"({"op":"published","id":"17","channel":"a"})"), std::nullopt);
  EXPECT_EQ(published_id(R"({"op":"published","channel":"a"})"), std::nullopt);
  EXPECT_EQ(published_id(R"({"op":"error","id":17})"), std::nullopt);
}

TEST(ReadNotice, Reads_an_error) {
  const Notice notice =
      read_notice(R"({"op":"error","id":3,"command":"publish","channel":"a","code":"forbidden","message":"no"})");
  EXPECT_EQ(notice.op, "error");
  EXPECT_EQ(notice.channel, "a");
  EXPECT_EQ(notice.code, "forbidden");
  EXPECT_EQ(notice.text, "no");
  EXPECT_EQ(notice.id, 3U);
}

TEST(ReadNotice, Reads_a_gap_with_and_without_a_number) {
  EXPECT_EQ(read_notice(R"({"op":"gap","channel":"a","lost":12})").lost, 12U);
  EXPECT_EQ(read_notice(R"({"op":"gap","channel":"a","conflated":true})").lost, 0U);
}

TEST(ReadNotice, Takes_what_is_no_push_for_nothing) {
  for (const char* const text : {"", "null", "[]", "{", R"({"op":7})", R"({"op":"gap","lost":-1})"}) {
    EXPECT_EQ(read_notice(text).lost, 0U) << text;
  }
  EXPECT_EQ(read_notice(R"({"op":7})").op, "");
}

TEST(TakeWholeText, Takes_one_text_after_the_other_and_leaves_the_rest) {
  std::string wire;
  websocket::append_server_frame(wire, websocket::Opcode::text, "one");
  websocket::append_server_frame(wire, websocket::Opcode::text, std::string(1000, 'x'));
  websocket::append_server_frame(wire, websocket::Opcode::ping, "p");
  std::span<char> input(wire);
  EXPECT_EQ(take_whole_text(input, 1000), "one");
  EXPECT_EQ(take_whole_text(input, 1000), std::string(1000, 'x'));
  EXPECT_EQ(take_whole_text(input, 1000), std::nullopt);
  EXPECT_EQ(input.size(), 3U);
}

TEST(TakeWholeText, Takes_nothing_of_a_frame_that_is_cut_anywhere) {
  std::string wire;
  websocket::append_server_frame(wire, websocket::Opcode::text, std::string(200, 'x'));
  for (std::size_t bytes = 0; bytes < wire.size(); ++bytes) {
    std::span<char> input(wire.data(), bytes);
    EXPECT_EQ(take_whole_text(input, 1000), std::nullopt);
    EXPECT_EQ(input.size(), bytes);
  }
}

TEST(TakeWholeText, Leaves_to_others_what_is_not_one_plain_text) {
  for (const std::string& wire : {std::string("\x01\x01x", 3), std::string("\x80\x01x", 3), std::string("\x82\x01x", 3),
                                  std::string("\xC1\x01x", 3),
                                  std::string("\x81\x81"
                                              "1234x",
                                              7)}) {
    std::string bytes = wire;
    std::span<char> input(bytes);
    EXPECT_EQ(take_whole_text(input, 1000), std::nullopt);
    EXPECT_EQ(input.size(), wire.size());
  }
  std::string large;
  websocket::append_server_frame(large, websocket::Opcode::text, std::string(1001, 'x'));
  std::span<char> input(large);
  EXPECT_EQ(take_whole_text(input, 1000), std::nullopt);
}

}  // namespace
}  // namespace crier::cli::benchmark
