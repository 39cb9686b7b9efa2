// What the parser refuses, with which status and label, and that it does so wherever the input is cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/http/request_parser.hpp"
#include "tests/support/every_cut.hpp"
#include "tests/unit/protocol/http/transcript.hpp"

namespace crier::http {
namespace {

using crier::testing::for_every_cut;

// The last thing said about `wire` is `verdict` ("400 smuggling"), with the same transcript at every cut.
void expect_refused(std::string_view wire, std::string_view verdict, ParserLimits limits = {}) {
  const Transcript whole = read_all(wire, limits);
  ASSERT_FALSE(whole.empty()) << wire;
  EXPECT_EQ(whole.back(), verdict) << wire;
  for_every_cut(wire, [&](std::string_view first, std::string_view second) {
    RequestParser parser(limits);
    ASSERT_EQ(read_all(parser, {first, second}), whole) << wire << "\ncut at " << first.size();
  });
}

void expect_line_refused(std::string_view request_line, std::string_view verdict) {
  expect_refused(std::string(request_line) + "\r\nHost: a\r\n\r\n", verdict);
}

void expect_fields_refused(std::string_view fields, std::string_view verdict) {
  expect_refused("POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n\r\n", verdict);
}

void expect_chunks_refused(std::string_view chunks, std::string_view verdict, ParserLimits limits = {}) {
  expect_refused("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunks), verdict,
                 limits);
}

TEST(RequestParser, Refuses_a_request_line_with_anything_but_single_spaces) {
  for (const std::string_view line : {"GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ",
                                      "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET / a HTTP/1.1", "GET\v/ HTTP/1.1",
                                      "GET / HTTP/1.1\t", "GET", "GET /", "GET / ", "GET HTTP/1.1"}) {
    expect_line_refused(line, "400 bad_request_line");
  }
}

TEST(RequestParser, Refuses_a_method_that_is_no_token) {
  for (const std::string_view line : {"G(T / HTTP/1.1", "GE\xc3\xa4 / HTTP/1.1", "G:T / HTTP/1.1", "\"\" / HTTP/1.1"}) {
    expect_line_refused(line, "400 bad_request_line");
  }
}

TEST(RequestParser, Refuses_a_target_that_is_no_path) {
  for (const std::string_view line :
       {"GET * HTTP/1.1", "GET http://a/ HTTP/1.1", "GET a HTTP/1.1", "CONNECT a:80 HTTP/1.1", "OPTIONS ** HTTP/1.1",
        "GET ?a HTTP/1.1", "GET /#a HTTP/1.1", "GET /\xc3\xa4 HTTP/1.1", "GET /\x7f HTTP/1.1", "GET /\x01 HTTP/1.1"}) {
    expect_line_refused(line, "400 bad_request_line");
  }
  expect_line_refused(std::string_view("GET /\0 HTTP/1.1", 15), "400 bad_request_line");
}

TEST(RequestParser, Says_what_is_wrong_with_an_absolute_target) {
  RequestParser parser({});
  std::string_view input = "GET http://a/message HTTP/1.1\r\n";
  const ParseStep step = parser.next(input);
  ASSERT_TRUE(std::holds_alternative<RequestFault>(step));
  EXPECT_EQ(std::get<RequestFault>(step).detail,
            "The target is an absolute URL, which is for proxies: send the path, and the host in Host.");
}

TEST(RequestParser, Refuses_other_versions_with_505_and_what_is_no_version_with_400) {
  for (const std::string_view line :
       {"GET / HTTP/1.2", "GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/9.1", "PRI * HTTP/2.0"}) {
    expect_line_refused(line, "505 unsupported_version");
  }
  for (const std::string_view line : {"GET / http/1.1", "GET / HTTP/1", "GET / HTTP/1.", "GET / HTTP/1.10",
                                      "GET / HTTP/01.1", "GET / HTTP/a.1", "GET / HTTP/1,1", "GET / ICAP/1.1"}) {
    expect_line_refused(line, "400 bad_request_line");
  }
}

TEST(RequestParser, Refuses_what_is_not_http_from_its_first_byte) {
  EXPECT_EQ(read_all("\x16\x03\x01"), (Transcript{"400 bad_request_line"}));  // a TLS handshake
  EXPECT_EQ(read_all(" "), (Transcript{"400 bad_request_line"}));
}

TEST(RequestParser, Refuses_line_ends_other_than_crlf) {
  for (const std::string_view wire :
       {"GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "\nGET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"}) {
    expect_refused(wire, "400 smuggling");
  }
}

TEST(RequestParser, Refuses_folded_lines_and_white_space_before_the_colon) {
  for (const std::string_view fields :
       {"X: a\r\n b", "X: a\r\n\tb", "X: a\r\n ", " X: a", "X : a", "X\t: a", "Content-Length : 0"}) {
    expect_fields_refused(fields, "400 smuggling");
  }
  expect_refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400 smuggling");
}

TEST(RequestParser, Refuses_field_lines_without_a_proper_name) {
  for (const std::string_view fields : {"X", ": a", "X Y: a", "X\xc3\xa4: a", "X\x7f: a", "(X): a", "X\x01: a"}) {
    expect_fields_refused(fields, "400 bad_header");
  }
}

TEST(RequestParser, Refuses_controls_in_a_value) {
  for (const std::string_view fields : {"X: a\x01", "X: \x7f",
                                        "X: \x0b"
                                        "chunked",
                                        "X: a\x1b[0m"}) {
    expect_fields_refused(fields, "400 bad_header");
  }
  expect_fields_refused(std::string_view("X: a\0b", 6), "400 bad_header");
}

TEST(RequestParser, Names_the_header_but_not_its_value_in_the_detail) {
  RequestParser parser({});
  const std::string wire = "GET / HTTP/1.1\r\n" + std::string(100, 'n') + ": secret\x01\r\n";
  std::string_view input = wire;
  const ParseStep step = parser.next(input);
  ASSERT_TRUE(std::holds_alternative<RequestFault>(step));
  EXPECT_EQ(std::get<RequestFault>(step).detail,
            "The value of the header \"" + std::string(64, 'n') + "…\" has a control character.");
}

TEST(RequestParser, Refuses_anything_but_one_plausible_host) {
  expect_refused("GET / HTTP/1.1\r\n\r\n", "400 bad_host");
  expect_fields_refused("Host: a", "400 bad_host");
  expect_fields_refused("host: b", "400 bad_host");
  expect_refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400 bad_host");
  for (const std::string host : {"a b", "a,b", "a/b", "u@a", "a?b", "a#b", "a\\b", "\xc3\xa4", "a\tb", "<a>"}) {
    expect_refused("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", "400 bad_host");
  }
}

TEST(RequestParser, Refuses_a_second_content_length_even_an_equal_one) {
  expect_fields_refused("Content-Length: 1\r\nContent-Length: 1", "400 smuggling");
  expect_fields_refused("Content-Length: 1\r\nX: y\r\ncontent-length: 2", "400 smuggling");
}

TEST(RequestParser, Refuses_a_content_length_that_is_not_digits) {
  for (const std::string_view length : {"", "+1", "-1", "1, 1", "1,1", "1 1", "0x1", "1.0", "1a", "a", "\xd9\xa1"}) {
    expect_fields_refused("Content-Length: " + std::string(length), "400 smuggling");
  }
}

TEST(RequestParser, Refuses_a_length_over_the_limit_before_its_body_arrives) {
  const ParserLimits limits{.head_bytes_max = 1024, .body_bytes_max = 10, .headers_max = 10};
  for (const std::string length : {"11", "4294967297", "18446744073709551615", "18446744073709551616",
                                   "18446744073709551617", "99999999999999999999999999999999999999999"}) {
    expect_refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + length + "\r\n\r\n", "413 body_too_large",
                   limits);
  }
  EXPECT_EQ(read_all("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00010\r\n\r\n0123456789", limits).back(),
            "body \"0123456789\"");
}

TEST(RequestParser, Refuses_transfer_codings_other_than_chunked_with_501) {
  for (const std::string_view coding : {"gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked;a=b",
                                        "xchunked", "identity", "", ",chunked"}) {
    expect_fields_refused("Transfer-Encoding: " + std::string(coding), "501 unsupported_coding");
  }
  expect_fields_refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "501 unsupported_coding");
}

TEST(RequestParser, Refuses_chunked_beside_a_length_and_in_http_1_0) {
  expect_fields_refused("Transfer-Encoding: chunked\r\nContent-Length: 3", "400 smuggling");
  expect_fields_refused("Content-Length: 0\r\nTransfer-Encoding: gzip", "400 smuggling");
  expect_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 smuggling");
}

TEST(RequestParser, Refuses_a_head_over_its_limit_without_waiting_for_the_end_of_a_line) {
  const ParserLimits limits{.head_bytes_max = 64, .body_bytes_max = 10, .headers_max = 10};
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(64, 'x'), "431 head_too_large", limits);
  expect_refused("GET / HTTP/1.1\r\n" + std::string(64, 'x'), "431 head_too_large", limits);
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(33, 'x') + "\r\n\r\n", "431 head_too_large", limits);
  expect_refused("GET /" + std::string(64, 'x'), "414 target_too_long", limits);
  expect_refused("GET /" + std::string(60, 'x') + " HTTP/1.1\r\n", "414 target_too_long", limits);
  expect_refused(std::string(64, 'G'), "431 head_too_large", limits);
  EXPECT_EQ(read_all(std::string(63, 'G'), limits), Transcript{});
}

TEST(RequestParser, Refuses_one_header_more_than_the_limit) {
  const ParserLimits limits{.head_bytes_max = 1024, .body_bytes_max = 10, .headers_max = 2};
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n", "431 head_too_large", limits);
  EXPECT_EQ(read_all("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n", limits).back(), "body \"\"");
}

TEST(RequestParser, Refuses_malformed_chunk_sizes) {
  for (const std::string_view line : {"", "g", " 1", "-1", "+1", "0x1", "1 ", "1\t", "1 2", "1,", "1;\x01", "1;\x7f"}) {
    expect_chunks_refused(std::string(line) + "\r\na\r\n0\r\n\r\n", "400 bad_chunk");
  }
  expect_chunks_refused("1\na\r\n", "400 smuggling");
  expect_chunks_refused("1;\ra\r\na\r\n", "400 smuggling");
}

TEST(RequestParser, Refuses_a_chunk_that_is_longer_or_shorter_than_its_size) {
  expect_chunks_refused("1\r\nab\r\n0\r\n\r\n", "400 bad_chunk");
  expect_chunks_refused("2\r\na\r\n0\r\n\r\n", "400 smuggling");  // its "end" is a LF alone
  expect_chunks_refused("1\r\na\n0\r\n\r\n", "400 smuggling");
}

TEST(RequestParser, Refuses_chunks_over_the_limit_when_they_are_announced) {
  const ParserLimits limits{.head_bytes_max = 1024, .body_bytes_max = 10, .headers_max = 10};
  for (const std::string_view line : {"B", "FFFFFFFF", "ffffffffffffffff", "10000000000000000", "10000000000000001"}) {
    expect_chunks_refused(std::string(line) + "\r\n", "413 body_too_large", limits);
  }
  expect_chunks_refused("8\r\n01234567\r\n3\r\n", "413 body_too_large", limits);
}

TEST(RequestParser, Bounds_the_line_of_a_chunk_size_and_all_extensions_together) {
  const std::string longest = "1;" + std::string(252, 'x') + "\r\n";
  expect_chunks_refused("1;" + std::string(254, 'x'), "400 bad_chunk");
  expect_chunks_refused(std::string(256, '0'), "400 bad_chunk");

  const ParserLimits limits{.head_bytes_max = 600, .body_bytes_max = 100, .headers_max = 10};
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = longest + "a\r\n";
  EXPECT_EQ(read_all(head + chunk + chunk + "0\r\n\r\n", limits).back(), "body \"aa\"");
  EXPECT_EQ(read_all(head + chunk + chunk + chunk, limits).back(), "400 bad_chunk");
}

TEST(RequestParser, Reads_trailers_as_strictly_as_headers) {
  expect_chunks_refused("0\r\nA: b\r\n c\r\n\r\n", "400 smuggling");
  expect_chunks_refused("0\r\nA : b\r\n\r\n", "400 smuggling");
  expect_chunks_refused("0\r\nA\r\n\r\n", "400 bad_header");
  expect_chunks_refused("0\r\nA: b\n\r\n", "400 smuggling");
  const ParserLimits limits{.head_bytes_max = 64, .body_bytes_max = 10, .headers_max = 2};
  expect_chunks_refused("0\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", "431 head_too_large", limits);
  expect_chunks_refused("0\r\nA: " + std::string(64, 'x'), "431 head_too_large", limits);
}

TEST(RequestParser, Stays_with_its_first_fault_and_never_reads_on) {
  RequestParser parser({});
  std::string_view input = "GET / HTTP/1.1\r\nHost : a\r\n\r\n";
  const ParseStep first = parser.next(input);
  ASSERT_TRUE(std::holds_alternative<RequestFault>(first));
  EXPECT_EQ(std::get<RequestFault>(first).status, 400);
  EXPECT_FALSE(parser.in_progress());
  for (std::string_view later : {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n", ""}) {
    const ParseStep again = parser.next(later);
    ASSERT_TRUE(std::holds_alternative<RequestFault>(again));
    EXPECT_EQ(std::get<RequestFault>(again), std::get<RequestFault>(first));
  }
}

TEST(RequestParser, Refuses_a_bad_request_behind_a_good_one_only_when_its_turn_comes) {
  EXPECT_EQ(read_all("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
            (Transcript{"GET / 1.1 [Host|a]", "body \"\"", "400 bad_host"}));
}

TEST(RequestFault, Has_a_label_of_its_own_for_each_kind) {
  std::vector<std::string_view> labels;
  for (const FaultKind& kind : request_fault_kinds) labels.push_back(kind.reason);
  std::sort(labels.begin(), labels.end());
  EXPECT_EQ(std::adjacent_find(labels.begin(), labels.end()), labels.end());
}

}  // namespace
}  // namespace crier::http
