// What the parser takes: heads, bodies, pipelines, however the reads were cut. request_refusal_test.cpp has
// what it refuses.
#include "protocol/http/request_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/every_cut.hpp"
#include "tests/unit/protocol/http/transcript.hpp"

namespace crier::http {
namespace {

using crier::testing::for_each_piece;
using crier::testing::for_every_cut;

constexpr std::string_view get_wire = "GET /message?channel=a HTTP/1.1\r\nHost: localhost:8008\r\nX-Empty:\r\n\r\n";
constexpr std::string_view get_head = "GET /message?channel=a 1.1 [Host|localhost:8008] [X-Empty|]";
constexpr std::string_view chunked_wire =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
    "4\r\n{\"a\"\r\n00A ; name=\"quoted;\"\r\n:1}\r\n56789\r\n0\r\nExpires: never\r\n\r\n";

// The same transcript for the whole wire, every cut in two, and pieces of 1, 2, 3 and 7 bytes.
void expect_transcript(std::string_view wire, const Transcript& expected, ParserLimits limits = {}) {
  EXPECT_EQ(read_all(wire, limits), expected);
  for_every_cut(wire, [&](std::string_view first, std::string_view second) {
    RequestParser parser(limits);
    ASSERT_EQ(read_all(parser, {first, second}), expected) << "cut at " << first.size();
  });
  for (const std::size_t bytes : {1U, 2U, 3U, 7U}) {
    std::vector<std::string_view> pieces;
    for_each_piece(wire, bytes, [&](std::string_view piece) { pieces.push_back(piece); });
    RequestParser parser(limits);
    ASSERT_EQ(read_all(parser, pieces), expected) << "pieces of " << bytes;
  }
}

RequestHead parse_head(std::string_view wire) {
  RequestParser parser({});
  EXPECT_TRUE(std::holds_alternative<HeadComplete>(parser.next(wire)));
  return parser.head();
}

TEST(RequestParser, Reads_a_request_without_a_body_wherever_it_is_cut) {
  expect_transcript(get_wire, {std::string(get_head), "body \"\""});
}

TEST(RequestParser, Reads_a_body_of_a_given_length_wherever_it_is_cut) {
  expect_transcript("POST /m HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\r\n{}!",
                    {"POST /m 1.1 [Host|a] [Content-Length|5] +body", "body \"\r\n{}!\""});
}

TEST(RequestParser, Reads_chunks_with_extensions_and_drops_trailers_wherever_they_are_cut) {
  expect_transcript(chunked_wire,
                    {"POST / 1.1 [Host|a] [Transfer-Encoding|Chunked] +body", "body \"{\"a\":1}\r\n56789\""});
}

TEST(RequestParser, Reads_pipelined_requests_out_of_one_input_wherever_it_is_cut) {
  const std::string wire = std::string(get_wire) + std::string(chunked_wire) +
                           "PUT /x HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc" + std::string(get_wire);
  expect_transcript(wire, {std::string(get_head), "body \"\"",                                    //
                           "POST / 1.1 [Host|a] [Transfer-Encoding|Chunked] +body",               //
                           "body \"{\"a\":1}\r\n56789\"", "PUT /x 1.0 [Content-Length|3] +body",  //
                           "body \"abc\"", std::string(get_head), "body \"\""});
}

TEST(RequestParser, Ignores_up_to_two_empty_lines_before_each_request) {
  const std::string wire = "\r\n\r\n" + std::string(get_wire) + "\r\n\r\n" + std::string(get_wire);
  expect_transcript(wire, {std::string(get_head), "body \"\"", std::string(get_head), "body \"\""});
  expect_transcript("\r\n\r\n\r\n" + std::string(get_wire), {"400 bad_request_line"});
}

TEST(RequestParser, Leaves_the_next_request_in_the_input) {
  RequestParser parser({});
  std::string_view input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET /";
  ASSERT_TRUE(std::holds_alternative<HeadComplete>(parser.next(input)));
  EXPECT_EQ(input, "hiGET /");
  ASSERT_TRUE(std::holds_alternative<RequestComplete>(parser.next(input)));
  EXPECT_EQ(input, "GET /");
}

TEST(RequestParser, Trims_spaces_and_tabs_around_a_value_and_keeps_them_inside) {
  const RequestHead head = parse_head("GET / HTTP/1.1\r\nHost:a\r\nX: \t a \t b\xc3\xa4 \t \r\n\r\n");
  EXPECT_EQ(*head.find("X"), "a \t b\xc3\xa4");
  EXPECT_EQ(*head.find("Host"), "a");
}

TEST(RequestParser, Takes_what_browsers_leave_unescaped_in_a_query) {
  EXPECT_EQ(parse_head("GET /m?a={|}^[]`\\\"<> HTTP/1.1\r\nHost: a\r\n\r\n").target, "/m?a={|}^[]`\\\"<>");
}

TEST(RequestParser, Takes_the_asterisk_with_options) {
  EXPECT_EQ(parse_head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").target, "*");
}

TEST(RequestParser, Takes_http_1_0_without_a_host) {
  EXPECT_EQ(parse_head("GET / HTTP/1.0\r\n\r\n").minor_version, 0);
}

TEST(RequestParser, Takes_every_form_of_host_that_names_one) {
  for (const std::string host : {"", "a", "example.org.", "[::1]:8008", "127.0.0.1:1", "a_b-c", "%C3%A4"}) {
    EXPECT_EQ(*parse_head("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n").find("host"), host);
  }
}

TEST(RequestParser, Takes_a_post_without_any_length_as_a_body_of_no_bytes) {
  RequestParser parser({});
  std::string_view input = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_TRUE(std::holds_alternative<HeadComplete>(parser.next(input)));
  EXPECT_FALSE(parser.expects_body());
  EXPECT_FALSE(parser.chunked());
  EXPECT_EQ(parser.head().count("content-length"), 0U);
  ASSERT_TRUE(std::holds_alternative<RequestComplete>(parser.next(input)));
  EXPECT_EQ(parser.body(), "");
}

TEST(RequestParser, Says_after_the_head_whether_and_how_a_body_follows) {
  RequestParser sized({});
  std::string_view input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
  ASSERT_TRUE(std::holds_alternative<HeadComplete>(sized.next(input)));
  EXPECT_TRUE(sized.expects_body());
  EXPECT_FALSE(sized.chunked());

  RequestParser empty({});
  input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
  ASSERT_TRUE(std::holds_alternative<HeadComplete>(empty.next(input)));
  EXPECT_FALSE(empty.expects_body());

  RequestParser chunked({});
  input = chunked_wire;
  ASSERT_TRUE(std::holds_alternative<HeadComplete>(chunked.next(input)));
  EXPECT_TRUE(chunked.expects_body());
  EXPECT_TRUE(chunked.chunked());
}

TEST(RequestParser, Is_in_progress_from_the_first_byte_of_a_request_to_its_last) {
  RequestParser parser({});
  EXPECT_FALSE(parser.in_progress());
  const std::string wire = "\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
  for (std::size_t at = 0; at + 1 < wire.size(); ++at) {
    std::string_view byte = std::string_view(wire).substr(at, 1);
    static_cast<void>(parser.next(byte));
    EXPECT_EQ(parser.in_progress(), at != 1) << at;  // the empty line before it is no request
  }
  std::string_view last = "i";
  ASSERT_TRUE(std::holds_alternative<RequestComplete>(parser.next(last)));
  EXPECT_FALSE(parser.in_progress());
  parser.reset();
  EXPECT_FALSE(parser.in_progress());
}

TEST(RequestParser, Hands_the_body_over_and_starts_the_next_one_empty) {
  RequestParser parser({});
  std::string_view input =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
  ASSERT_TRUE(std::holds_alternative<HeadComplete>(parser.next(input)));
  ASSERT_TRUE(std::holds_alternative<RequestComplete>(parser.next(input)));
  EXPECT_EQ(parser.take_body(), "hi");
  EXPECT_EQ(parser.body(), "");
  parser.reset();
  ASSERT_TRUE(std::holds_alternative<HeadComplete>(parser.next(input)));
  ASSERT_TRUE(std::holds_alternative<RequestComplete>(parser.next(input)));
  EXPECT_EQ(parser.body(), "x");
}

TEST(RequestParser, Takes_memory_as_bytes_arrive_and_never_more_than_the_limit) {
  RequestParser parser({.head_bytes_max = 1024, .body_bytes_max = 1'000'000, .headers_max = 10});
  std::string_view input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n0123456789";
  ASSERT_TRUE(std::holds_alternative<HeadComplete>(parser.next(input)));
  ASSERT_TRUE(std::holds_alternative<NeedMore>(parser.next(input)));
  EXPECT_LE(parser.body().capacity(), 64U);

  const std::string rest(1'000'000 - 10, 'x');
  for_each_piece(rest, 700, [&](std::string_view piece) { static_cast<void>(parser.next(piece)); });
  EXPECT_EQ(parser.body().size(), 1'000'000U);
  EXPECT_LE(parser.body().capacity(), 1'000'000U);
  parser.reset();
  EXPECT_LE(parser.body().capacity(), 1024U);
}

TEST(RequestParser, Gives_the_memory_of_a_large_head_back_before_the_next_request) {
  RequestParser parser({});
  std::string wire = "GET /" + std::string(4000, 'x') + " HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 60; ++i) wire += "X: y\r\n";
  wire += "\r\n";
  std::string_view input = wire;
  ASSERT_TRUE(std::holds_alternative<HeadComplete>(parser.next(input)));
  parser.reset();  // allowed at once, as no body follows
  EXPECT_LE(parser.head().target.capacity(), 64U);
  EXPECT_LE(parser.head().headers.capacity(), 16U);
  input = get_wire;
  ASSERT_TRUE(std::holds_alternative<HeadComplete>(parser.next(input)));
  EXPECT_EQ(parser.head().headers.size(), 2U);
}

TEST(RequestParser, Takes_a_head_and_a_body_that_are_exactly_at_their_limits) {
  const std::string wire = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
  const ParserLimits limits{.head_bytes_max = wire.size() - 4, .body_bytes_max = 4, .headers_max = 2};
  expect_transcript(wire, {"POST / 1.1 [Host|a] [Content-Length|4] +body", "body \"body\""}, limits);
  const std::string chunks =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n";
  expect_transcript(chunks, {"POST / 1.1 [Host|a] [Transfer-Encoding|chunked] +body", "body \"body\""},
                    {.head_bytes_max = 57, .body_bytes_max = 4, .headers_max = 2});
}

}  // namespace
}  // namespace crier::http
