#include "protocol/http/event_stream.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crier::http {
namespace {

TEST(EventStream, Writes_an_event_as_its_name_and_one_line_of_data) {
  std::string out = "before\n\n";
  append_event(out, "message", R"({"op":"message","data":[1, 2]})");
  EXPECT_EQ(out, "before\n\nevent: message\ndata: {\"op\":\"message\",\"data\":[1, 2]}\n\n");
}

TEST(EventStream, Turns_the_line_ends_of_a_publishers_JSON_into_spaces_so_that_none_ends_the_data) {
  std::string out = "\n";
  append_event(out, "message", "{\"data\":{\n\"a\":\r\n1,\r\"b\":\"\\n\"\n\n}}");
  EXPECT_EQ(out, "\nevent: message\ndata: {\"data\":{ \"a\":  1, \"b\":\"\\n\"  }}\n\n");
}

TEST(EventStream, Puts_the_id_into_the_event_that_follows) {
  std::string out;
  out.append(event_id_open).append("AQ").append(event_id_close);
  append_event(out, "message", "{}");
  EXPECT_EQ(out, "id: AQ\nevent: message\ndata: {}\n\n");
}

TEST(EventStream, Writes_comments_and_the_delay_as_blocks_of_their_own) {
  std::string out;
  append_comment(out);
  append_retry(out, 0);
  append_retry(out, 18446744073709551615U);
  EXPECT_EQ(out, ": \n\nretry: 0\n\nretry: 18446744073709551615\n\n");
}

TEST(EventStream, Has_a_head_that_keeps_caches_and_proxies_from_holding_events_back) {
  std::string out;
  append_event_stream_head(out, std::vector<Header>{{"Vary", "Origin"}, {"X-Request-Id", "7"}});
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-store\r\n"
            "X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nVary: Origin\r\nX-Request-Id: 7\r\n"
            "Connection: close\r\n\r\n");
}

TEST(EventStreamDeathTest, Stops_at_a_name_or_a_header_that_would_begin_a_line_of_its_own) {
  std::string out;
  EXPECT_DEATH(append_event(out, "a\nb", "{}"), "is_line_end");
  EXPECT_DEATH(append_event_stream_head(out, std::vector<Header>{{"Vary", "a\r\nb: c"}}), "is_field_value");
}

}  // namespace
}  // namespace crier::http
