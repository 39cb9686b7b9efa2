#include "protocol/command/server_message.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/command/command_writer.hpp"
#include "protocol/command/json_codec.hpp"
#include "tests/support/every_cut.hpp"

namespace crier::command {
namespace {

// Everything that the broker's writer can write, with each member once there and once not.
const std::vector<std::string>& broker_texts() {
  static const std::vector<std::string> texts = [] {
    const Position position{"k3v9", 42};
    const std::vector<Member> members = {{"a91f", "alice", R"({"name":"A"})"}, {"b0", std::nullopt, std::nullopt}};
    std::vector<std::string> all;
    const auto add_reply = [&](const Reply& reply) { append_json(all.emplace_back(), reply); };
    const auto add_push = [&](const Push& push) { append_json(all.emplace_back(), push); };
    add_reply(Authenticated{std::int64_t{1}, "al\"ice", 3600});
    add_reply(Authenticated{});
    add_reply(Subscribed{std::int64_t{1}, "news", position, true, 3, members, true, "next"});
    add_reply(Subscribed{std::string("x"), "news", std::nullopt, std::nullopt, 0, std::nullopt, false, ""});
    add_reply(Unsubscribed{std::int64_t{-7}, "news"});
    add_reply(Published{std::int64_t{9}, "news", position});
    add_reply(Published{{}, "news", std::nullopt});
    add_reply(BroadcastPublished{
        std::int64_t{9},
        {{"a", position, std::nullopt}, {"b", std::nullopt, Error{ErrorCode::too_large, "", "a\nb"}}}});
    add_reply(HistoryReply{std::int64_t{2},
                           "news",
                           {{"", R"({"x":[1,2]})", Encoding::json, position, 17},
                            {"", R"("3q2+7w==")", Encoding::base64, std::nullopt, 18}},
                           position,
                           true,
                           "c"});
    add_reply(PresenceReply{std::int64_t{3}, "room", members, 2, false, ""});
    add_reply(ChannelsReply{std::int64_t{4}, {{"a", 1}, {"b", 2}}, true, "c"});
    add_reply(Disconnected{std::int64_t{5}, 3});
    add_reply(Kicked{std::int64_t{6}, 1});
    add_reply(PongReply{std::int64_t{7}});
    add_reply(ErrorReply{std::int64_t{8}, "publish", "news", Error{ErrorCode::rate_limited, "", "slow"}, 2});
    add_reply(ErrorReply{{}, "", "", Error{ErrorCode::bad_request, "", "\\"}, std::nullopt});
    add_push(Welcome{"a91f", "0.1.0", 25, "alice", 60, {{"incoming_bytes_max", 1048576}, {"x", 1}}});
    add_push(Welcome{"a91f", "0.1.0", 25, std::nullopt, std::nullopt, {}});
    add_push(Join{"room", members[0]});
    add_push(Leave{"room", members[1]});
    add_push(PresencePush{"room", members, 2, true, "c"});
    add_push(PresencePush{"room", std::nullopt, 1500, false, ""});
    add_push(Gap{"news", 3, true, position});
    add_push(Gap{"news", std::nullopt, false, std::nullopt});
    add_push(UnsubscribedPush{"news", "forbidden", "no longer"});
    add_push(Drain{1500});
    return all;
  }();
  return texts;
}

std::string write(const ServerMessage& message) {
  std::string text;
  if (const auto* reply = std::get_if<Reply>(&message)) append_json(text, *reply);
  if (const auto* push = std::get_if<Push>(&message)) append_json(text, *push);
  return text;
}

ServerMessage read(std::string_view text) {
  static ServerMessageReader reader;
  auto message = reader.read(text);
  EXPECT_TRUE(message) << text << (message ? "" : message.error());
  return message ? std::move(*message) : ServerMessage(UnknownMessage{});
}

std::string fault_of(std::string_view text) {
  ServerMessageReader reader;
  auto message = reader.read(text);
  EXPECT_FALSE(message) << text;
  return message ? "" : message.error();
}

TEST(ServerMessage, Reads_back_everything_that_the_broker_writes) {
  for (const std::string& text : broker_texts()) EXPECT_EQ(write(read(text)), text);
}

TEST(ServerMessage, Reads_a_message_with_its_datas_own_bytes) {
  const auto message = std::get<ReceivedMessage>(
      read(R"({"op":"message","channel":"news.uk","pattern":"news.*","data": {"a" : 12345678901234567890} ,)"
           R"("position":"k3:42","time":1763800000000})"));
  EXPECT_EQ(message.channel, "news.uk");
  EXPECT_EQ(message.pattern, "news.*");
  EXPECT_EQ(message.data_json, R"({"a" : 12345678901234567890})");
  EXPECT_EQ(message.encoding, Encoding::json);
  EXPECT_EQ(message.position, "k3:42");
  EXPECT_EQ(message.time_ms, 1763800000000);
}

TEST(ServerMessage, Reads_bytes_as_the_base64_that_they_are) {
  const auto message = std::get<ReceivedMessage>(
      read(R"({"op":"message","channel":"files","data":"3q2+7w==","encoding":"base64","time":1})"));
  EXPECT_EQ(message.encoding, Encoding::base64);
  EXPECT_EQ(message.data_json, R"("3q2+7w==")");
  EXPECT_EQ(message.position, "");
  fault_of(R"({"op":"message","channel":"files","data":"3q2","encoding":"base64","time":1})");
  fault_of(R"({"op":"message","channel":"files","data":{},"encoding":"base64","time":1})");
  fault_of(R"({"op":"message","channel":"files","data":"","encoding":"hex","time":1})");
}

TEST(ServerMessage, Passes_over_what_a_later_broker_says_more) {
  EXPECT_TRUE(std::holds_alternative<UnknownMessage>(read(R"({"op":"applause","channel":"a"})")));
  const auto reply =
      std::get<Reply>(read(R"({"later":{"op":[1]},"op":"published","id":1,"channel":"a","more_yet":[]})"));
  EXPECT_EQ(std::get<Published>(reply).channel, "a");
  const auto error = std::get<Reply>(read(R"({"op":"error","id":1,"code":"out_of_tea","message":"m"})"));
  EXPECT_EQ(std::get<ErrorReply>(error).error.code, ErrorCode::internal);
  const auto push = std::get<Push>(read(R"({"op":"welcome","session":"a","limits":{"a":1,"b":"many","c":-1}})"));
  EXPECT_EQ(std::get<Welcome>(push).limits.size(), 1U);
}

TEST(ServerMessage, Undoes_escapes_also_in_keys) {
  const auto reply = std::get<Reply>(
      read(R"({"\u006fp":"history","id":1,"channel":"\u0061","messages":[{"data":1,"time":2},{"data":2,"time":3}],)"
           R"("more":false})"));
  const auto& history = std::get<HistoryReply>(reply);
  EXPECT_EQ(history.channel, "a");
  EXPECT_EQ(history.messages.at(1).time_ms, 3);
}

TEST(ServerMessage, Says_what_is_missing_or_wrong) {
  EXPECT_EQ(fault_of("[]"), "a message must be a JSON object");
  EXPECT_EQ(fault_of("{}"), "op: missing");
  EXPECT_EQ(fault_of(R"({"op":1})"), "op: must be a string");
  EXPECT_EQ(fault_of(R"({"op":"message","data":1})"), "channel: missing");
  EXPECT_EQ(fault_of(R"({"op":"message","channel":"a"})"), "data: missing");
  EXPECT_EQ(fault_of(R"({"op":"message","channel":"a","data":1,"time":1.5})"), "time: must be an integer within 2^53");
  EXPECT_EQ(fault_of(R"({"op":"published","channel":"a","position":"nowhere"})").substr(0, 9), "position:");
  EXPECT_EQ(fault_of(R"({"op":"published","results":[1]})"), "results: must hold objects");
  EXPECT_EQ(fault_of(R"({"op":"published","results":{}})"), "results: must be an array");
  EXPECT_EQ(fault_of(R"({"op":"join","channel":"a","member":7})"), "member: must be an object");
  EXPECT_EQ(fault_of(R"({"op":"gap","channel":"a","lost":-1})"), "lost: must not be negative");
  EXPECT_EQ(fault_of(R"({"op":"gap","channel":"a","conflated":1})"), "conflated: must be true or false");
  EXPECT_EQ(fault_of(R"({"op":"pong","op":"pong"})"), "op: stands twice");
  EXPECT_EQ(fault_of(R"({"op":"pong"} x)").substr(0, 5), "byte ");
}

TEST(ServerMessage, Takes_no_part_of_a_message_for_the_whole) {
  for (const std::string& text : broker_texts()) {
    testing::for_every_cut(text, [&](std::string_view first, std::string_view second) {
      if (!second.empty()) fault_of(first);
    });
  }
}

// ---- Commands, the other way ----

std::string write(const Command& command) {
  std::string text;
  append_json(text, command);
  return text;
}

TEST(CommandWriter, Writes_what_the_brokers_parser_reads_back) {
  const Position since{"k3v9", 42};
  const std::vector<std::string_view> channels = {"a", "b"};
  Publish publish;
  publish.channel = "news";
  publish.data = R"({"x":1})";
  Publish full = publish;
  full.key = "k\"1";
  full.echo = false;
  full.exclude = "a91f";
  full.conflate = "EURUSD";
  full.ttl_s = 7;
  Publish bytes = publish;
  bytes.data = R"("3q2+7w==")";
  bytes.encoding = Encoding::base64;
  Publish broadcast = publish;
  broadcast.channel = {};
  broadcast.channels = channels;
  broadcast.broadcast = true;
  const std::vector<Command> commands = {
      {std::int64_t{1}, Auth{"abc"}},
      {std::int64_t{-2}, Subscribe{"news", false, since, 5, true}},
      {{}, Subscribe{"news.>", true, std::nullopt, std::nullopt, false}},
      {std::string("x"), Unsubscribe{"news"}},
      {{}, publish},
      {std::int64_t{3}, full},
      {std::int64_t{4}, bytes},
      {std::int64_t{5}, broadcast},
      {std::int64_t{6}, History{"news", since, 10, true, std::nullopt}},
      {std::int64_t{7}, History{"news", std::nullopt, std::nullopt, false, "c"}},
      {std::int64_t{8}, Presence{"room", "c"}},
      {std::int64_t{9}, Channels{"a.>", "c", 5}},
      {std::int64_t{10}, Channels{}},
      {std::int64_t{11}, Disconnect{"alice", std::nullopt}},
      {std::int64_t{12}, Kick{std::nullopt, "a91f", "room"}},
      {std::int64_t{13}, PingCommand{}},
  };
  JsonCommandParser parser;
  for (const Command& command : commands) {
    const std::string text = write(command);
    auto batch = parser.parse(text);
    ASSERT_TRUE(batch) << text << batch.error().error.detail;
    ASSERT_EQ(batch->commands.size(), 1U);
    EXPECT_EQ(write(batch->commands[0]), text);
  }
}

}  // namespace
}  // namespace crier::command
