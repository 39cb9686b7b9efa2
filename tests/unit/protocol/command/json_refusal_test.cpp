// Why the parser refuses messages, and how it says so.
#include <gtest/gtest.h>

#include "protocol/command/json_codec.hpp"
#include "tests/support/every_cut.hpp"

namespace crier::command {
namespace {

// The refusal of a bad message; an empty one, and a failure, if it is taken.
CommandError refusal(std::string_view message) {
  JsonCommandParser parser;
  auto batch = parser.parse(message);
  EXPECT_FALSE(batch) << message;
  return batch ? CommandError{} : std::move(batch.error());
}

std::string detail(std::string_view message) {
  return refusal(message).error.detail;
}

// Every refusal of a field names it twice: for the program, and for the reader.
void expect_field(std::string_view message, std::string_view field, std::string_view sentence) {
  const CommandError refused = refusal(message);
  EXPECT_EQ(refused.error.code, ErrorCode::bad_request) << message;
  EXPECT_EQ(refused.error.field, field) << message;
  EXPECT_EQ(refused.error.detail, sentence) << message;
}

TEST(JsonRefusal, Names_the_byte_where_a_message_is_no_JSON) {
  const CommandError refused = refusal(R"({"op":"ping","id":5,})");
  EXPECT_EQ(refused.error, (Error{ErrorCode::bad_request, "", "byte 20: expected a key after ',', found '}'"}));
  EXPECT_EQ(refused.id, CommandId());
  EXPECT_EQ(refused.command, "");
  EXPECT_FALSE(refused.index);
  EXPECT_EQ(detail(R"({"op":"ping"} x)"), "byte 14: expected the end of the message, found 'x'");
  EXPECT_EQ(detail(R"([{"op":"ping"},])"), "byte 15: expected a value, found ']'");
  EXPECT_EQ(detail(R"([{"op":"ping"})"), "byte 14: expected ',' or ']' after a value, found the end of the message");
}

TEST(JsonRefusal, Wants_an_object_or_an_array_of_objects) {
  EXPECT_EQ(detail(""), "byte 0: expected a command object, or an array of them, found the end of the message");
  EXPECT_EQ(detail(" hello"), "byte 1: expected a command object, or an array of them, found 'h'");
  EXPECT_EQ(detail("\"x\""), "byte 0: expected a command object, or an array of them, found '\"'");
  EXPECT_EQ(detail("42"), "byte 0: expected a command object, or an array of them, found '4'");
  const CommandError refused = refusal(R"([{"op":"ping"}, 7])");
  EXPECT_EQ(refused.error,
            (Error{ErrorCode::bad_request, "", "a command must be an object, found a number (byte 16)"}));
  EXPECT_EQ(refused.index, 1U);
  EXPECT_EQ(detail(R"([[{"op":"ping"}]])"), "a command must be an object, found an array (byte 1)");
}

TEST(JsonRefusal, Bounds_the_number_of_commands) {
  EXPECT_EQ(refusal(" [ ] ").error,
            (Error{ErrorCode::bad_request, "", "an array must hold at least one command, found an empty array"}));
  std::string message = R"([{"op":"ping"})";
  for (int i = 0; i < 1000; ++i) message += R"(,{"op":"ping"})";
  EXPECT_EQ(refusal(message + "]").error,
            (Error{ErrorCode::limit_exceeded, "", "a message may hold at most 1000 commands"}));
}

TEST(JsonRefusal, Tells_of_the_first_bad_command_with_its_index_id_op_and_channel) {
  const CommandError refused =
      refusal(R"([{"op":"ping","id":1},{"op":"publish","id":"two","channel":"chat:a"},{"op":"nonsense","id":3}])");
  EXPECT_EQ(refused.error.field, "data");
  EXPECT_EQ(refused.index, 1U);
  EXPECT_EQ(refused.id, CommandId(std::string("two")));
  EXPECT_EQ(refused.command, "publish");
  EXPECT_EQ(refused.channel, "chat:a");
}

TEST(JsonRefusal, Tells_of_broken_JSON_before_a_bad_command) {
  EXPECT_EQ(detail(R"([{"op":"nonsense"},{"op" "ping"}])"), "byte 25: expected ':' after a key, found '\"'");
}

TEST(JsonRefusal, Gives_no_id_back_that_is_bad_itself) {
  for (const std::string_view id :
       {"1.0", "1e3", "9007199254740992", "-9007199254740992", "99999999999999999999", "null", "true", "[1]", "{}"}) {
    const CommandError refused = refusal(R"({"op":"unsubscribe","channel":"a","id":)" + std::string(id) + "}");
    EXPECT_EQ(refused.error.field, "id") << id;
    EXPECT_EQ(refused.id, CommandId()) << id;
    EXPECT_EQ(refused.command, "unsubscribe");
    EXPECT_EQ(refused.channel, "a");
  }
  expect_field(
      R"({"op":"ping","id":1.0})", "id",
      "id: must be an integer from -9007199254740991 to 9007199254740991, without fraction and exponent, found "
      "1.0 (byte 18)");
  expect_field(R"({"op":"ping","id":null})", "id", "id: must be an integer or a string, found null (byte 18)");
  expect_field(R"({"op":"ping","id":")" + std::string(65, 'x') + "\"}", "id",
               "id: must be 0 to 64 bytes long, found 65 (byte 18)");
}

TEST(JsonRefusal, Wants_an_op_that_it_knows) {
  const std::string ops = "auth, subscribe, unsubscribe, publish, history, presence, channels, disconnect, kick, ping";
  expect_field(R"({"id":1})", "op", "op: missing; a command needs one of " + ops + " (byte 0)");
  expect_field("{}", "op", "op: missing; a command needs one of " + ops + " (byte 0)");
  expect_field(R"({"op":"publsh"})", "op", "op: must be one of " + ops + ", found 'publsh' (byte 6)");
  expect_field(R"({"op":"Ping"})", "op", "op: must be one of " + ops + ", found 'Ping' (byte 6)");
  expect_field(R"({"op":3})", "op", "op: must be a string, found a number (byte 6)");
  const CommandError refused = refusal(R"({"op":"publsh","id":9,"channel":"a"})");
  EXPECT_EQ(refused.id, CommandId(std::int64_t{9}));
  EXPECT_EQ(refused.command, "");
  EXPECT_EQ(refused.channel, "a");
}

TEST(JsonRefusal, Reflects_little_and_nothing_unprintable) {
  const CommandError refused = refusal(R"({"op":"\u001b[31m)" + std::string(100000, 'x') + R"(","channel":"a b"})");
  EXPECT_LT(refused.error.detail.size(), 300U);
  EXPECT_NE(refused.error.detail.find("found '\\u001B[31m" + std::string(27, 'x') + "…'"), std::string::npos);
  EXPECT_EQ(refused.channel, "");
  EXPECT_EQ(refusal(R"({"op":"publish","channel":")" + std::string(5000, 'x') + R"(","data":1})").channel, "");
  EXPECT_LT(detail(R"({"op":"ping","id":)" + std::string(5000, '1') + "}").size(), 200U);
}

TEST(JsonRefusal, Finds_two_equal_keys_in_a_command) {
  expect_field(R"({"op":"ping","op":"ping"})", "op", "the key 'op' stands twice in one command (byte 13)");
  expect_field(R"({"op":"ping","\u006fp":"ping"})", "op", "the key 'op' stands twice in one command (byte 13)");
  expect_field(R"({"x":1,"op":"ping","y":2,"x":1})", "", "the key 'x' stands twice in one command (byte 25)");
  expect_field(R"({"x":1,"op":"ping","\u0078":1})", "", "the key 'x' stands twice in one command (byte 19)");
  expect_field(R"({"":1,"op":"ping","":1})", "", "the key '' stands twice in one command (byte 18)");
  const CommandError twice = refusal(R"({"op":"unsubscribe","id":1,"channel":"a","id":1})");
  EXPECT_EQ(twice.id, CommandId());
  EXPECT_EQ(twice.command, "unsubscribe");
  EXPECT_EQ(twice.channel, "a");
}

TEST(JsonRefusal, Finds_one_equal_key_among_a_hundred_thousand) {
  std::string message = R"({"op":"ping")";
  for (int i = 0; i < 100000; ++i) message += ",\"k" + std::to_string(i) + "\":0";
  JsonCommandParser parser;
  EXPECT_TRUE(parser.parse(message + "}"));
  EXPECT_TRUE(detail(message + ",\"k777\":0}").starts_with("the key 'k777' stands twice in one command (byte "));
}

TEST(JsonRefusal, Wants_a_channel_of_the_right_form) {
  expect_field(R"({"op":"subscribe"})", "channel", "channel: missing; it names the channel (byte 0)");
  expect_field(R"({"op":"unsubscribe","channel":5})", "channel", "channel: must be a string, found a number (byte 30)");
  expect_field(R"({"op":"history","channel":"a.."})", "channel",
               "channel: 'a..' has an empty token at character 3: each '.' stands between two tokens (byte 26)");
  expect_field(R"({"op":"presence","channel":"a.*"})", "channel",
               "channel: 'a.*' has the wildcard '*' at character 3, but must be one channel's name (byte 27)");
  expect_field(R"({"op":"subscribe","channel":"a*"})", "channel",
               "channel: 'a*' has '*' at character 2, but '*' stands for one whole token between dots (byte 28)");
  expect_field(R"({"op":"subscribe","channel":""})", "channel",
               "channel: '' must be 1 to 255 bytes long, has 0 (byte 28)");
  expect_field(R"({"op":"channels","pattern":null})", "pattern", "pattern: must be a string, found null (byte 27)");
  expect_field(R"({"op":"channels","pattern":"a>"})", "pattern",
               "pattern: 'a>' has '>' at character 2, but '>' stands for all further tokens, alone after the last dot "
               "(byte 27)");
}

TEST(JsonRefusal, Wants_no_options_beside_a_pattern) {
  expect_field(R"({"op":"subscribe","channel":"a.*","since":"e:1"})", "since",
               "since: cannot go with a pattern, only with a channel's name (byte 42)");
  expect_field(R"({"op":"subscribe","channel":"a.*","last":1})", "last",
               "last: cannot go with a pattern, only with a channel's name (byte 41)");
  expect_field(R"({"op":"subscribe","channel":"a.*","presence":false})", "presence",
               "presence: cannot go with a pattern, only with a channel's name (byte 45)");
}

TEST(JsonRefusal, Wants_options_of_the_right_type_and_range) {
  const std::string subscribe = R"({"op":"subscribe","channel":"a",)";
  expect_field(
      subscribe + R"("since":"e1"})", "since",
      "since: must be a position as the server gave it (epoch:offset, such as 'k3x9:1042'), found 'e1' (byte 40)");
  expect_field(subscribe + R"("since":1})", "since", "since: must be a string, found a number (byte 40)");
  expect_field(subscribe + R"("last":-1})", "last",
               "last: must be an integer from 0 to 9007199254740991, found -1 (byte 39)");
  expect_field(subscribe + R"("last":"1"})", "last",
               "last: must be an integer from 0 to 9007199254740991, found a string (byte 39)");
  expect_field(subscribe + R"("presence":1})", "presence", "presence: must be true or false, found 1 (byte 43)");
  expect_field(subscribe + R"("presence":null})", "presence", "presence: must be true or false, found null (byte 43)");
  expect_field(R"({"op":"history","channel":"a","limit":0})", "limit",
               "limit: must be an integer from 1 to 9007199254740991, found 0 (byte 38)");
  expect_field(R"({"op":"history","channel":"a","limit":1.5})", "limit",
               "limit: must be an integer from 1 to 9007199254740991, found 1.5 (byte 38)");
  expect_field(R"({"op":"history","channel":"a","reverse":"yes"})", "reverse",
               "reverse: must be true or false, found a string (byte 40)");
  expect_field(R"({"op":"history","channel":"a","cursor":""})", "cursor",
               "cursor: must be 1 to 1024 bytes long, found 0 (byte 39)");
}

TEST(JsonRefusal, Wants_one_of_channel_and_channels) {
  expect_field(R"({"op":"publish","data":1})", "channel",
               "channel: missing; publish needs it, or channels for a broadcast (byte 0)");
  expect_field(R"({"op":"publish","channel":"a","channels":["b"],"data":1})", "channels",
               "channels: cannot go with channel: give the one or the other (byte 41)");
}

TEST(JsonRefusal, Wants_one_to_a_thousand_different_names_in_a_broadcast) {
  const auto broadcast = [](std::string_view channels) {
    return R"({"op":"publish","data":1,"channels":)" + std::string(channels) + "}";
  };
  expect_field(broadcast("\"a\""), "channels", "channels: must be an array, found a string (byte 36)");
  expect_field(broadcast("[]"), "channels", "channels: must name at least one channel, found an empty array (byte 36)");
  expect_field(broadcast(R"(["a",5])"), "channels", "channels[1]: must be a string, found a number (byte 41)");
  expect_field(broadcast(R"(["a","b.>"])"), "channels",
               "channels[1]: 'b.>' has the wildcard '>' at character 3, but must be one channel's name (byte 41)");
  expect_field(broadcast(R"(["a","b","\u0061"])"), "channels",
               "channels: must name each channel once, found 'a' twice (byte 36)");
  std::string many = "[\"c0\"";
  for (int i = 1; i <= 1000; ++i) many += std::string(",\"c") + std::to_string(i) + '"';
  EXPECT_EQ(refusal(broadcast(many + "]")).error,
            (Error{ErrorCode::limit_exceeded, "channels",
                   "channels: must name at most 1000 channels, found more (byte 36)"}));
}

TEST(JsonRefusal, Wants_publish_options_of_the_right_type_and_range) {
  const std::string publish = R"({"op":"publish","channel":"a","data":1,)";
  expect_field(R"({"op":"publish","channel":"a"})", "data",
               "data: missing; publish needs the message's content, any JSON value (byte 0)");
  expect_field(publish + R"("key":""})", "key", "key: must be 1 to 128 bytes long, found 0 (byte 45)");
  expect_field(publish + R"("key":")" + std::string(129, 'k') + "\"}", "key",
               "key: must be 1 to 128 bytes long, found 129 (byte 45)");
  expect_field(publish + R"("conflate":7})", "conflate", "conflate: must be a string, found a number (byte 50)");
  expect_field(publish + R"("exclude":")" + std::string(65, 'a') + "\"}", "exclude",
               "exclude: must be 1 to 64 bytes long, found 65 (byte 49)");
  expect_field(publish + R"("echo":"false"})", "echo", "echo: must be true or false, found a string (byte 46)");
  expect_field(publish + R"("ttl":0})", "ttl", "ttl: must be an integer from 1 to 1000000000, found 0 (byte 45)");
  expect_field(publish + R"("ttl":1000000001})", "ttl",
               "ttl: must be an integer from 1 to 1000000000, found 1000000001 (byte 45)");
  expect_field(publish + R"("ttl":1e3})", "ttl", "ttl: must be an integer from 1 to 1000000000, found 1e3 (byte 45)");
}

TEST(JsonRefusal, Wants_strict_base64_where_the_encoding_says_so) {
  const auto encoded = [](std::string_view data) {
    return R"({"op":"publish","channel":"a","encoding":"base64","data":)" + std::string(data) + "}";
  };
  expect_field(R"({"op":"publish","channel":"a","data":"","encoding":"hex"})", "encoding",
               "encoding: must be 'base64' or left out, found 'hex' (byte 51)");
  expect_field(R"({"op":"publish","channel":"a","data":"","encoding":null})", "encoding",
               "encoding: must be a string, found null (byte 51)");
  expect_field(encoded("[1]"), "data", "data: must be a string of base64, as encoding says, found an array (byte 57)");
  expect_field(encoded(R"("AA\/A")"), "data", "data: must be base64 without backslashes: write '/' as it is (byte 57)");
  for (const std::string_view bad :
       {"\"A\"",    "\"AA\"",    "\"AAA\"",  "\"A===\"",     "\"====\"", "\"=\"",    "\"==\"",
        "\"AA=A\"", "\"AAAA=\"", "\"AB==\"", "\"AC==\"",     "\"AE==\"", "\"AI==\"", "\"AAC=\"",
        "\"AAB=\"", "\"AA-_\"",  "\"AA A\"", "\"AAAA====\"", "\"A=AA\"", "\"AAé\""}) {
    expect_field(encoded(bad), "data",
                 "data: must be standard base64 with its padding (RFC 4648 section 4), as encoding says (byte 57)");
  }
}

TEST(JsonRefusal, Wants_a_token_and_one_target) {
  expect_field(R"({"op":"auth"})", "token", "token: missing; auth carries the token here (byte 0)");
  expect_field(R"({"op":"auth","token":""})", "token", "token: must be 1 to 65536 bytes long, found 0 (byte 21)");
  expect_field(R"({"op":"disconnect"})", "user",
               "user: missing; user or session says whose connections are meant (byte 0)");
  expect_field(R"({"op":"disconnect","user":"u","session":"s"})", "session",
               "session: cannot go with user: give the one or the other (byte 40)");
  expect_field(R"({"op":"kick","user":"u"})", "channel", "channel: missing; it names the channel (byte 0)");
  expect_field(R"({"op":"disconnect","user":")" + std::string(257, 'u') + "\"}", "user",
               "user: must be 1 to 256 bytes long, found 257 (byte 26)");
}

TEST(JsonRefusal, Blames_the_end_of_a_message_that_is_cut_at_any_byte) {
  constexpr std::string_view whole =
      R"([{"op":"publish","id":"x\u0041","channels":["a","b"],"data":{"a":[1.5e3,null]},"x":[{}]},{"op":"ping"}])";
  JsonCommandParser parser;
  ASSERT_TRUE(parser.parse(whole));
  testing::for_every_cut(whole, [&](std::string_view first, std::string_view second) {
    if (second.empty()) return;
    const CommandError refused = refusal(std::string(first));
    EXPECT_TRUE(refused.error.detail.starts_with("byte " + std::to_string(first.size()) + ": ")) << first;
    EXPECT_TRUE(refused.error.detail.ends_with("found the end of the message")) << first;
    EXPECT_EQ(refused.error.code, ErrorCode::bad_request);
  });
}

}  // namespace
}  // namespace crier::command
