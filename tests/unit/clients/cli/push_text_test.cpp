#include "clients/cli/push_text.hpp"

#include <gtest/gtest.h>

namespace crier::cli {
namespace {

TEST(PushText, Writes_a_message_as_it_came_over_the_wire) {
  client::Message message;
  message.channel = "news";
  message.data = R"({"a":1})";
  message.position = "8003fwez:17";
  message.time_ms = 1795420672367;
  EXPECT_EQ(push_json(message),
            R"({"op":"message","channel":"news","data":{"a":1},"position":"8003fwez:17","time":1795420672367})");
  message.pattern = "*";
  message.position = "";
  message.binary = true;
  message.data = R"("AQI=")";
  EXPECT_EQ(push_json(message), R"({"op":"message","channel":"news","pattern":"*","data":"AQI=","encoding":"base64",)"
                                R"("time":1795420672367})");
}

TEST(PushText, Writes_gaps_endings_and_presence) {
  client::Gap gap;
  gap.channel = "news";
  EXPECT_EQ(push_json(gap), R"({"op":"gap","channel":"news","conflated":false})");
  gap.lost = 3;
  gap.conflated = true;
  EXPECT_EQ(push_json(gap), R"({"op":"gap","channel":"news","lost":3,"conflated":true})");
  client::Error error;
  error.code = client::ErrorCode::forbidden;
  error.message = "no \"right\"";
  EXPECT_EQ(ended_json("news", error),
            R"({"op":"unsubscribed","channel":"news","code":"forbidden","reason":"no \"right\""})");
  client::PresenceChange change;
  change.channel = "news";
  change.member = {"s1", "ann", R"({"x":1})"};
  EXPECT_EQ(push_json(change),
            R"({"op":"join","channel":"news","member":{"session":"s1","user":"ann","info":{"x":1}}})");
  change.kind = client::PresenceChange::Kind::members;
  change.members = {{"s1", "", ""}};
  change.count = 1;
  EXPECT_EQ(push_json(change), R"({"op":"presence","channel":"news","members":[{"session":"s1"}],"count":1})");
}

TEST(PushText, Keeps_a_message_in_one_line) {
  EXPECT_EQ(data_line("{\"a\":\r\n 1}"), "{\"a\":   1}");
  EXPECT_EQ(data_line(R"("a\nb")"), R"("a\nb")");
}

TEST(PushText, Shows_a_strings_text_where_it_is_asked_for) {
  EXPECT_EQ(raw_text(R"("say \"hi\"\n\u00e9")"), "say \"hi\"\n\xc3\xa9");
  EXPECT_EQ(raw_text("17"), "17");
  EXPECT_EQ(raw_text("{\n}"), "{ }");
  EXPECT_EQ(raw_text("\"\\ud800\""), "\"\\ud800\"");
}

}  // namespace
}  // namespace crier::cli
