// What the parser makes of good messages; json_refusal_test.cpp has the others.
#include <gtest/gtest.h>

#include <memory>

#include "protocol/command/json_codec.hpp"

namespace crier::command {
namespace {

std::string numbered(char letter, std::size_t number) {
  std::string name(1, letter);
  name += std::to_string(number);
  return name;
}

// Parses a copy of exactly the message's size on the heap, so that a sanitizer sees any read beyond its end.
class JsonCommandParserTest : public ::testing::Test {
 protected:
  Result<CommandBatch, CommandError> parse(std::string_view message) {
    copy_ = std::make_unique<char[]>(message.size());
    std::copy(message.begin(), message.end(), copy_.get());
    return parser_.parse({copy_.get(), message.size()});
  }
  // The single command of a good message.
  const Command& one(std::string_view message) {
    auto batch = parse(message);
    EXPECT_TRUE(batch) << (batch ? "" : batch.error().error.detail);
    if (!batch) return nothing_;
    EXPECT_FALSE(batch->array);
    EXPECT_EQ(batch->commands.size(), 1U);
    return batch->commands[0];
  }
  template <class Body>
  Body as(std::string_view message) {
    const Command& command = one(message);
    const auto* body = std::get_if<Body>(&command.body);
    EXPECT_NE(body, nullptr) << message;
    return body != nullptr ? *body : Body{};
  }

 private:
  std::unique_ptr<char[]> copy_;
  JsonCommandParser parser_;
  Command nothing_;
};

TEST_F(JsonCommandParserTest, Reads_auth) {
  EXPECT_EQ(as<Auth>(R"({"op":"auth","token":"a.b.c"})").token, "a.b.c");
}

TEST_F(JsonCommandParserTest, Reads_subscribe_with_and_without_its_options) {
  const auto plain = as<Subscribe>(R"({"op":"subscribe","channel":"chat:room.1"})");
  EXPECT_EQ(plain.channel, "chat:room.1");
  EXPECT_FALSE(plain.pattern);
  EXPECT_FALSE(plain.since);
  EXPECT_FALSE(plain.last);
  EXPECT_FALSE(plain.presence);
  const auto full = as<Subscribe>(R"({"op":"subscribe","channel":"a","since":"k3:42","last":10,"presence":true})");
  EXPECT_EQ(full.since, (Position{"k3", 42}));
  EXPECT_EQ(full.last, 10U);
  EXPECT_TRUE(full.presence);
  EXPECT_EQ(as<Subscribe>(R"({"op":"subscribe","channel":"a","last":0})").last, 0U);
}

TEST_F(JsonCommandParserTest, Tells_a_pattern_from_a_name) {
  const auto pattern = as<Subscribe>(R"({"op":"subscribe","channel":"chat:room.>"})");
  EXPECT_EQ(pattern.channel, "chat:room.>");
  EXPECT_TRUE(pattern.pattern);
  EXPECT_EQ(as<Unsubscribe>(R"({"op":"unsubscribe","channel":"news.*"})").channel, "news.*");
  EXPECT_EQ(as<Unsubscribe>(R"({"op":"unsubscribe","channel":"news"})").channel, "news");
}

TEST_F(JsonCommandParserTest, Reads_a_plain_publish) {
  const auto publish = as<Publish>(R"({"op":"publish","channel":"a","data":{"x":1}})");
  EXPECT_EQ(publish.channel, "a");
  EXPECT_FALSE(publish.broadcast);
  EXPECT_TRUE(publish.channels.empty());
  EXPECT_EQ(publish.data, R"({"x":1})");
  EXPECT_EQ(publish.encoding, Encoding::json);
  EXPECT_TRUE(publish.echo);
  EXPECT_FALSE(publish.key || publish.exclude || publish.conflate || publish.ttl_s);
}

TEST_F(JsonCommandParserTest, Reads_a_publish_with_all_options) {
  const auto publish =
      as<Publish>(R"({"op":"publish","channel":"a","data":"AAA=","encoding":"base64","key":"k1","echo":false,)"
                  R"("exclude":"0123456789abcdef0123456789abcdef","conflate":"price","ttl":1000000000})");
  EXPECT_EQ(publish.data, R"("AAA=")");
  EXPECT_EQ(publish.encoding, Encoding::base64);
  EXPECT_EQ(publish.key, "k1");
  EXPECT_FALSE(publish.echo);
  EXPECT_EQ(publish.exclude, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(publish.conflate, "price");
  EXPECT_EQ(publish.ttl_s, 1000000000U);
}

TEST_F(JsonCommandParserTest, Passes_data_on_byte_for_byte_without_the_space_around_it) {
  for (const std::string_view data : {"null", "true", "\"\"", "1e400", "123456789012345678901234567890",
                                      R"({"a":1,"a":2})", "[ 1 , 2 ]", R"("\u0041\/\uD83D\uDE00 é")", "-0.0"}) {
    const std::string message = R"({"op":"publish","channel":"a","data": )" + std::string(data) + "\n }";
    EXPECT_EQ(as<Publish>(message).data, data);
  }
}

TEST_F(JsonCommandParserTest, Reads_a_broadcast_in_its_order) {
  std::string message = R"({"op":"publish","channels":["b","a:x","\u0063"],"data":1})";
  auto batch = parse(message);
  ASSERT_TRUE(batch);
  const auto& publish = std::get<Publish>(batch->commands[0].body);
  EXPECT_TRUE(publish.broadcast);
  EXPECT_EQ(publish.channel, "");
  ASSERT_EQ(publish.channels.size(), 3U);
  EXPECT_EQ(publish.channels[0], "b");
  EXPECT_EQ(publish.channels[1], "a:x");
  EXPECT_EQ(publish.channels[2], "c");
}

TEST_F(JsonCommandParserTest, Keeps_the_channels_of_many_broadcasts_apart) {
  std::string message = "[";
  for (int i = 0; i < 200; ++i) {
    if (i > 0) message += ',';
    message +=
        R"({"op":"publish","data":0,"channels":["x)" + std::to_string(i) + R"(","y)" + std::to_string(i) + R"("]})";
  }
  auto batch = parse(message + "]");
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->commands.size(), 200U);
  for (std::size_t i = 0; i < 200; ++i) {
    const auto& publish = std::get<Publish>(batch->commands[i].body);
    ASSERT_EQ(publish.channels.size(), 2U);
    EXPECT_EQ(publish.channels[0], numbered('x', i));
    EXPECT_EQ(publish.channels[1], numbered('y', i));
  }
}

TEST_F(JsonCommandParserTest, Takes_a_thousand_channels) {
  std::string message = R"({"op":"publish","data":1,"channels":["c0")";
  for (int i = 1; i < 1000; ++i) message += std::string(",\"c") + std::to_string(i) + '"';
  auto batch = parse(message + "]}");
  ASSERT_TRUE(batch);
  const auto channels = std::get<Publish>(batch->commands[0].body).channels;
  ASSERT_EQ(channels.size(), 1000U);
  EXPECT_EQ(channels[999], "c999");
}

TEST_F(JsonCommandParserTest, Takes_base64_of_every_length_of_padding) {
  for (const std::string_view data : {"\"\"", "\"AA==\"", "\"AAA=\"", "\"AAAA\"", "\"+/az09AZ\""}) {
    const std::string message =
        R"({"op":"publish","channel":"a","encoding":"base64","data":)" + std::string(data) + "}";
    EXPECT_EQ(as<Publish>(message).data, data);
  }
}

TEST_F(JsonCommandParserTest, Reads_history_presence_and_channels) {
  const auto history =
      as<History>(R"({"op":"history","channel":"a","since":"e:1","limit":5,"reverse":true,"cursor":"c"})");
  EXPECT_EQ(history.channel, "a");
  EXPECT_EQ(history.since, (Position{"e", 1}));
  EXPECT_EQ(history.limit, 5U);
  EXPECT_TRUE(history.reverse);
  EXPECT_EQ(history.cursor, "c");
  EXPECT_FALSE(as<History>(R"({"op":"history","channel":"a"})").reverse);
  const auto presence = as<Presence>(R"({"op":"presence","channel":"a","cursor":"c"})");
  EXPECT_EQ(presence.channel, "a");
  EXPECT_EQ(presence.cursor, "c");
  const auto channels = as<Channels>(R"({"op":"channels","pattern":"chat:>","cursor":"c","limit":9})");
  EXPECT_EQ(channels.pattern, "chat:>");
  EXPECT_EQ(channels.cursor, "c");
  EXPECT_EQ(channels.limit, 9U);
  EXPECT_EQ(as<Channels>(R"({"op":"channels","pattern":"chat:a"})").pattern, "chat:a");
  EXPECT_FALSE(as<Channels>(R"({"op":"channels"})").pattern);
}

TEST_F(JsonCommandParserTest, Reads_disconnect_kick_and_ping) {
  EXPECT_EQ(as<Disconnect>(R"({"op":"disconnect","user":"alice"})").user, "alice");
  EXPECT_EQ(as<Disconnect>(R"({"op":"disconnect","session":"s"})").session, "s");
  const auto kick = as<Kick>(R"({"op":"kick","session":"s","channel":"a"})");
  EXPECT_EQ(kick.session, "s");
  EXPECT_FALSE(kick.user);
  EXPECT_EQ(kick.channel, "a");
  EXPECT_EQ(one(R"({"op":"ping"})").op(), Op::ping);
}

TEST_F(JsonCommandParserTest, Names_every_op_as_the_variant_has_it) {
  const std::string_view messages[] = {R"({"op":"auth","token":"t"})",
                                       R"({"op":"subscribe","channel":"a"})",
                                       R"({"op":"unsubscribe","channel":"a"})",
                                       R"({"op":"publish","channel":"a","data":1})",
                                       R"({"op":"history","channel":"a"})",
                                       R"({"op":"presence","channel":"a"})",
                                       R"({"op":"channels"})",
                                       R"({"op":"disconnect","user":"u"})",
                                       R"({"op":"kick","user":"u","channel":"a"})",
                                       R"({"op":"ping"})"};
  ASSERT_EQ(std::size(messages), op_count);
  for (std::size_t i = 0; i < op_count; ++i) {
    const Op op = one(messages[i]).op();
    EXPECT_EQ(op, static_cast<Op>(i));
    EXPECT_NE(messages[i].find("\"op\":\"" + std::string(to_string(op)) + '"'), std::string::npos);
  }
}

TEST_F(JsonCommandParserTest, Takes_fields_in_any_order_and_any_space) {
  const Command& command = one("\r\n {\t\"data\" : [1] ,\n\"id\":1, \"channel\" : \"a\" , \"op\" : \"publish\" } \n");
  EXPECT_EQ(command.op(), Op::publish);
  EXPECT_EQ(std::get<Publish>(command.body).data, "[1]");
  EXPECT_EQ(command.id, CommandId(std::int64_t{1}));
}

TEST_F(JsonCommandParserTest, Ignores_fields_that_the_op_does_not_know) {
  EXPECT_EQ(
      as<Publish>(R"({"op":"publish","x":{"op":"no"},"channel":"a","data":1,"since":7,"user":[],"token":null})").data,
      "1");
  EXPECT_EQ(one(R"({"op":"ping","channel":42,"data":"x"})").op(), Op::ping);
}

TEST_F(JsonCommandParserTest, Understands_escapes_in_keys_and_names) {
  const Command& command =
      one(R"({"\u006fp":"p\u0075blish","ch\u0061nnel":"chat\u003aroom","data":"\u0041","id":"\u00e9"})");
  ASSERT_EQ(command.op(), Op::publish);
  EXPECT_EQ(std::get<Publish>(command.body).channel, "chat:room");
  EXPECT_EQ(std::get<Publish>(command.body).data, R"("\u0041")");
  EXPECT_EQ(command.id, CommandId(std::string("é")));
}

TEST_F(JsonCommandParserTest, Reads_ids_up_to_their_limits) {
  const auto id = [&](std::string_view json) { return one(R"({"op":"ping","id":)" + std::string(json) + "}").id; };
  EXPECT_EQ(one(R"({"op":"ping"})").id, CommandId());
  EXPECT_EQ(id("0"), CommandId(std::int64_t{0}));
  EXPECT_EQ(id("-0"), CommandId(std::int64_t{0}));
  EXPECT_EQ(id("9007199254740991"), CommandId(std::int64_t{9007199254740991}));
  EXPECT_EQ(id("-9007199254740991"), CommandId(std::int64_t{-9007199254740991}));
  EXPECT_EQ(id("\"\""), CommandId(std::string()));
  EXPECT_EQ(id("\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""),
            CommandId(std::string("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")));
  std::string escaped = "\"";
  for (int i = 0; i < 64; ++i) escaped += "\\u0041";
  EXPECT_EQ(id(escaped + '"'), CommandId(std::string(64, 'A')));
}

TEST_F(JsonCommandParserTest, Takes_an_array_of_one_to_a_thousand_commands_in_order) {
  auto one_in_array = parse(R"([{"op":"ping","id":5}])");
  ASSERT_TRUE(one_in_array);
  EXPECT_TRUE(one_in_array->array);
  EXPECT_EQ(one_in_array->commands.size(), 1U);
  std::string message = R"([{"op":"ping","id":0})";
  for (int i = 1; i < 1000; ++i) message += R"( , {"op":"ping","id":)" + std::to_string(i) + "}";
  auto batch = parse(message + "]");
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->commands.size(), 1000U);
  for (std::int64_t i = 0; i < 1000; ++i) EXPECT_EQ(batch->commands[static_cast<std::size_t>(i)].id, CommandId(i));
}

TEST_F(JsonCommandParserTest, Counts_the_whole_messages_nesting) {
  const auto message = [](std::size_t levels) {
    return R"({"op":"publish","channel":"a","data":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  EXPECT_EQ(as<Publish>(message(63)).data.size(), 126U);
  EXPECT_FALSE(parse(message(64)));
  EXPECT_TRUE(parse(std::string("[") + message(62) + ']'));
  EXPECT_FALSE(parse(std::string("[") + message(63) + ']'));
}

TEST_F(JsonCommandParserTest, Starts_afresh_with_every_message) {
  EXPECT_FALSE(parse(R"({"op":"publish","channels":["a","b"],"key":5,"data":1})"));
  const auto publish = as<Publish>(R"({"op":"publish","channel":"c","data":2})");
  EXPECT_FALSE(publish.broadcast);
  EXPECT_FALSE(publish.key);
  // One large message with escapes, whose memory goes back, then small ones with and without.
  const std::string large = R"({"op":"publish","channel":"\u0061","data":")" + std::string(200000, 'x') + "\"}";
  EXPECT_EQ(as<Publish>(large).data.size(), 200002U);
  auto small = parse(R"([{"op":"ping","id":"\u0062"},{"op":"subscribe","channel":"\u0063.d"}])");
  ASSERT_TRUE(small);
  EXPECT_EQ(small->commands[0].id, CommandId(std::string("b")));
  EXPECT_EQ(std::get<Subscribe>(small->commands[1].body).channel, "c.d");
}

TEST_F(JsonCommandParserTest, Keeps_all_decoded_texts_of_a_message_while_it_decodes_more) {
  std::string message = "[";
  for (int i = 0; i < 500; ++i) {
    message += std::string(i > 0 ? "," : "") + R"({"op":"unsubscribe","channel":"\u0061)" + std::to_string(i) + "\"}";
  }
  auto batch = parse(message + "]");
  ASSERT_TRUE(batch);
  for (std::size_t i = 0; i < 500; ++i) {
    EXPECT_EQ(std::get<Unsubscribe>(batch->commands[i].body).channel, numbered('a', i));
  }
}

}  // namespace
}  // namespace crier::command
