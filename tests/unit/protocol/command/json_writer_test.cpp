#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "protocol/command/json_codec.hpp"

namespace crier::command {
namespace {

std::string written(const Reply& reply) {
  std::string out;
  append_json(out, reply);
  EXPECT_TRUE(nlohmann::json::accept(out)) << out;
  return out;
}

std::string pushed(const Push& push) {
  std::string out;
  append_json(out, push);
  EXPECT_TRUE(nlohmann::json::accept(out)) << out;
  return out;
}

// Also holds the promised size to what was written.
std::string pushed(const MessagePush& push) {
  std::string out;
  append_json(out, push);
  EXPECT_TRUE(nlohmann::json::accept(out)) << out;
  EXPECT_GE(json_bytes_max(push), out.size()) << out;
  EXPECT_LE(json_bytes_max(push), out.size() + 64) << out;
  return out;
}

const CommandId seven = std::int64_t{7};

TEST(JsonWriter, Writes_authenticated) {
  EXPECT_EQ(written(Authenticated{seven, "alice", 3600}),
            R"({"op":"authenticated","id":7,"user":"alice","expires_in":3600})");
  EXPECT_EQ(written(Authenticated{}), R"({"op":"authenticated"})");
}

TEST(JsonWriter, Gives_an_id_back_as_the_type_it_came_in) {
  EXPECT_EQ(written(PongReply{}), R"({"op":"pong"})");
  EXPECT_EQ(written(PongReply{CommandId(std::int64_t{0})}), R"({"op":"pong","id":0})");
  EXPECT_EQ(written(PongReply{CommandId(std::int64_t{-9007199254740991})}), R"({"op":"pong","id":-9007199254740991})");
  EXPECT_EQ(written(PongReply{CommandId(std::string("a\"b"))}), R"({"op":"pong","id":"a\"b"})");
  EXPECT_EQ(written(PongReply{CommandId(std::string())}), R"({"op":"pong","id":""})");
}

TEST(JsonWriter, Writes_subscribed_with_what_is_known) {
  EXPECT_EQ(written(Subscribed{{}, "news", {}, {}, {}, {}, false, ""}), R"({"op":"subscribed","channel":"news"})");
  Subscribed reply{seven, "chat:a", Position{"k3", 42}, true, 3, std::vector<Member>{}, false, ""};
  EXPECT_EQ(written(reply), R"({"op":"subscribed","id":7,"channel":"chat:a","position":"k3:42","recovered":true,)"
                            R"("replayed":3,"members":[]})");
  reply.recovered = false;
  reply.members = std::vector<Member>{{"s1", "alice", R"({"n":1})"}, {"s2", {}, {}}};
  reply.more = true;
  reply.cursor = "c";
  EXPECT_EQ(written(reply), R"({"op":"subscribed","id":7,"channel":"chat:a","position":"k3:42","recovered":false,)"
                            R"("replayed":3,"members":[{"session":"s1","user":"alice","info":{"n":1}},)"
                            R"({"session":"s2"}],"more":true,"cursor":"c"})");
}

TEST(JsonWriter, Writes_unsubscribed_and_published) {
  EXPECT_EQ(written(Unsubscribed{seven, "a"}), R"({"op":"unsubscribed","id":7,"channel":"a"})");
  EXPECT_EQ(written(Published{seven, "a", Position{"k", std::numeric_limits<std::uint64_t>::max()}}),
            R"({"op":"published","id":7,"channel":"a","position":"k:18446744073709551615"})");
  EXPECT_EQ(written(Published{{}, "a", {}}), R"({"op":"published","channel":"a"})");
}

TEST(JsonWriter, Writes_a_broadcasts_results_in_their_order) {
  EXPECT_EQ(
      written(BroadcastPublished{
          seven,
          {{"a", Position{"k", 1}, {}}, {"b", {}, Error{ErrorCode::forbidden, "channel", "no \"b\""}}, {"c", {}, {}}}}),
      R"({"op":"published","id":7,"results":[{"channel":"a","position":"k:1"},)"
      R"({"channel":"b","code":"forbidden","message":"no \"b\""},{"channel":"c"}]})");
}

TEST(JsonWriter, Writes_a_history) {
  HistoryReply reply;
  reply.id = seven;
  reply.channel = "a";
  EXPECT_EQ(written(reply), R"({"op":"history","id":7,"channel":"a","messages":[],"more":false})");
  reply.messages = {{"", R"({"x":1})", Encoding::json, Position{"k", 1}, 1700000000123},
                    {"b", R"("AAA=")", Encoding::base64, {}, -1}};
  reply.position = Position{"k", 2};
  reply.more = true;
  reply.cursor = "c";
  EXPECT_EQ(written(reply), R"({"op":"history","id":7,"channel":"a","messages":[{"data":{"x":1},"position":"k:1",)"
                            R"("time":1700000000123},{"channel":"b","data":"AAA=","encoding":"base64","time":-1}],)"
                            R"("position":"k:2","more":true,"cursor":"c"})");
}

TEST(JsonWriter, Writes_presence_and_channels) {
  EXPECT_EQ(written(PresenceReply{seven, "a", {{"s", "u", {}}}, 9, false, ""}),
            R"({"op":"presence","id":7,"channel":"a","members":[{"session":"s","user":"u"}],"count":9,"more":false})");
  EXPECT_EQ(written(ChannelsReply{seven, {{"a", 1}, {"b", 0}}, true, "next"}),
            R"({"op":"channels","id":7,"channels":[{"channel":"a","subscribers":1},{"channel":"b","subscribers":0}],)"
            R"("more":true,"cursor":"next"})");
}

TEST(JsonWriter, Writes_disconnected_and_kicked) {
  EXPECT_EQ(written(Disconnected{seven, 3}), R"({"op":"disconnected","id":7,"count":3})");
  EXPECT_EQ(written(Kicked{{}, 0}), R"({"op":"kicked","count":0})");
}

TEST(JsonWriter, Writes_an_error_with_what_is_known_of_its_command) {
  EXPECT_EQ(written(ErrorReply{seven, "publish", "a", Error{ErrorCode::rate_limited, "channel", "slow down"}, 2}),
            R"({"op":"error","id":7,"command":"publish","channel":"a","code":"rate_limited","message":"slow down",)"
            R"("retry_after":2})");
  EXPECT_EQ(written(ErrorReply{{}, "", "", Error{ErrorCode::bad_request, "", "byte 0: '\"'\x01"}, {}}),
            R"({"op":"error","code":"bad_request","message":"byte 0: '\"'\u0001"})");
}

TEST(JsonWriter, Writes_a_welcome) {
  EXPECT_EQ(pushed(Welcome{"0f", "0.1.0", 25, "alice", 60, {{"incoming_bytes_max", 1048576}, {"channels_max", 5}}}),
            R"({"op":"welcome","session":"0f","version":"0.1.0","heartbeat":25,"user":"alice","expires_in":60,)"
            R"("limits":{"incoming_bytes_max":1048576,"channels_max":5}})");
  EXPECT_EQ(pushed(Welcome{"0f", "0.1.0", 25, {}, {}, {}}),
            R"({"op":"welcome","session":"0f","version":"0.1.0","heartbeat":25,"limits":{}})");
}

TEST(JsonWriter, Writes_joins_leaves_and_counts) {
  EXPECT_EQ(pushed(Join{"a", {"s", "u", R"("x")"}}),
            R"({"op":"join","channel":"a","member":{"session":"s","user":"u","info":"x"}})");
  EXPECT_EQ(pushed(Leave{"a", {"s", {}, {}}}), R"({"op":"leave","channel":"a","member":{"session":"s"}})");
  EXPECT_EQ(pushed(PresencePush{"a", {}, 12, false, ""}), R"({"op":"presence","channel":"a","count":12})");
  EXPECT_EQ(pushed(PresencePush{"a", std::vector<Member>{{"s", "u", {}}, {"t", {}, {}}}, 3, true, "t"}),
            R"({"op":"presence","channel":"a","members":[{"session":"s","user":"u"},{"session":"t"}],"count":3,)"
            R"("more":true,"cursor":"t"})");
}

TEST(JsonWriter, Writes_gaps_endings_and_drains) {
  EXPECT_EQ(pushed(Gap{"a", 5, false, {}}), R"({"op":"gap","channel":"a","lost":5,"conflated":false})");
  EXPECT_EQ(pushed(Gap{"a", {}, true, Position{"k", 9}}),
            R"({"op":"gap","channel":"a","conflated":true,"position":"k:9"})");
  EXPECT_EQ(pushed(UnsubscribedPush{"a", "forbidden", "grant gone"}),
            R"({"op":"unsubscribed","channel":"a","code":"forbidden","reason":"grant gone"})");
  EXPECT_EQ(pushed(Drain{1500}), R"({"op":"drain","reconnect_in":1500})");
}

TEST(JsonWriter, Writes_a_message_with_its_datas_own_bytes) {
  EXPECT_EQ(pushed(MessagePush{"chat:a", "", R"({"n":1e3,"b":12345678901234567890})", Encoding::json, "", 0, 17}),
            R"({"op":"message","channel":"chat:a","data":{"n":1e3,"b":12345678901234567890},"time":17})");
  EXPECT_EQ(pushed(MessagePush{"chat:a", "chat:>", R"("AAA=")", Encoding::base64, "k3x9", 42, 1700000000123}),
            R"({"op":"message","channel":"chat:a","pattern":"chat:>","data":"AAA=","encoding":"base64",)"
            R"("position":"k3x9:42","time":1700000000123})");
}

TEST(JsonWriter, Bounds_the_largest_and_the_smallest_message) {
  const auto least = std::numeric_limits<std::int64_t>::min();
  const auto most = std::numeric_limits<std::uint64_t>::max();
  const std::string channel(255, 'c');
  const std::string largest =
      pushed(MessagePush{channel, channel, "1", Encoding::base64, "0123456789abcdef", most, least});
  EXPECT_NE(largest.find(R"("position":"0123456789abcdef:18446744073709551615","time":-9223372036854775808})"),
            std::string::npos);
  EXPECT_EQ(pushed(MessagePush{"c", "", "1", Encoding::json, "k", 0, 0}),
            R"({"op":"message","channel":"c","data":1,"position":"k:0","time":0})");
}

TEST(JsonWriter, Appends_and_leaves_what_is_there) {
  std::string out = "x";
  append_json(out, Reply(PongReply{}));
  append_json(out, MessagePush{"c", "", "1", Encoding::json, "", 0, 0});
  EXPECT_EQ(out, R"(x{"op":"pong"}{"op":"message","channel":"c","data":1,"time":0})");
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonWriter, Escapes_what_JSON_must_escape_and_nothing_else) {
  EXPECT_EQ(json_string(""), R"("")");
  EXPECT_EQ(json_string("é€😀/\x7F"), "\"é€😀/\x7F\"");
  EXPECT_EQ(json_string("\"\\\b\f\n\r\t\x1F"), R"("\"\\\b\f\n\r\t\u001f")");
  for (int c = 0; c < 0x80; ++c) {
    const std::string text = std::string(20, 'a') + static_cast<char>(c) + std::string(20, 'b');
    EXPECT_EQ(json_string(text), nlohmann::json(text).dump()) << c;
  }
}

TEST(JsonWriter, Puts_the_replacement_character_for_what_is_no_UTF_8) {
  EXPECT_EQ(json_string("a\x80z"), "\"a\uFFFDz\"");
  EXPECT_EQ(json_string("a\xFFz"), "\"a\uFFFDz\"");
  EXPECT_EQ(json_string("\xC0\xAF"), "\"\uFFFD\uFFFD\"");                      // overlong
  EXPECT_EQ(json_string("\xE0\x9F\xBF"), "\"\uFFFD\uFFFD\uFFFD\"");            // overlong
  EXPECT_EQ(json_string("\xED\xA0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");            // a surrogate
  EXPECT_EQ(json_string("\xF4\x90\x80\x80"), "\"\uFFFD\uFFFD\uFFFD\uFFFD\"");  // above U+10FFFF
  EXPECT_EQ(json_string("a\xE2\x82"), "\"a\uFFFD\uFFFD\"");                    // cut short
  EXPECT_EQ(json_string("\xE2\"\x82\xAC"), "\"\uFFFD\\\"\uFFFD\uFFFD\"");      // a quote inside hides nothing
}

}  // namespace
}  // namespace crier::command
