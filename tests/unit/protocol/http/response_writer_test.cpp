#include "protocol/http/response_writer.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace crier::http {
namespace {

TEST(ReasonPhrase, Is_there_for_every_status_of_the_contract_and_empty_for_others) {
  for (const int status : {100, 101, 200, 204, 207, 400, 401, 403, 404, 405, 409, 410, 411,
                           413, 414, 415, 421, 426, 429, 431, 500, 501, 503, 504, 505}) {
    EXPECT_NE(reason_phrase(status), "") << status;
  }
  EXPECT_EQ(reason_phrase(413), "Content Too Large");
  EXPECT_EQ(reason_phrase(421), "Misdirected Request");
  EXPECT_EQ(reason_phrase(299), "");
}

TEST(WriteResponse, Writes_headers_in_order_then_type_length_and_body) {
  Response response;
  response.headers = {{"Vary", "Origin"}, {"Allow", "GET, POST"}};
  response.body = "[1]";
  EXPECT_EQ(write_response(response),
            "HTTP/1.1 200 OK\r\nVary: Origin\r\nAllow: GET, POST\r\nContent-Type: application/json\r\n"
            "Content-Length: 3\r\n\r\n[1]");
}

TEST(WriteResponse, Says_the_length_but_no_type_without_a_body) {
  Response response;
  response.status = 426;
  response.close = true;
  EXPECT_EQ(write_response(response),
            "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

TEST(WriteResponse, Answers_head_with_the_length_of_the_body_it_leaves_out) {
  Response response;
  response.content_type = "text/plain";
  response.body = "hello";
  response.head_only = true;
  EXPECT_EQ(write_response(response), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
}

TEST(WriteResponse, Gives_1xx_and_204_and_304_neither_body_nor_length) {
  for (const auto& [status, line] :
       {std::pair{100, "100 Continue"}, std::pair{204, "204 No Content"}, std::pair{304, "304 "}}) {
    Response response;
    response.status = status;
    response.body = "ignored";
    EXPECT_EQ(write_response(response), "HTTP/1.1 " + std::string(line) + "\r\n\r\n");
  }
}

TEST(WriteResponseDeathTest, Stops_the_process_before_a_header_that_would_break_the_framing) {
  const auto write = [](std::string name, std::string value) {
    Response response;
    response.headers = {{std::move(name), std::move(value)}};
    return write_response(response);
  };
  EXPECT_DEATH(write("X", "a\r\nSet-Cookie: b"), "invariant broken");
  EXPECT_DEATH(write("X", "a\nb"), "invariant broken");
  EXPECT_DEATH(write("X", std::string(1, '\0')), "invariant broken");
  EXPECT_DEATH(write("X: y", "z"), "invariant broken");
  EXPECT_DEATH(write("", "z"), "invariant broken");
  EXPECT_DEATH(write("content-length", "1"), "invariant broken");
  EXPECT_DEATH(write("Transfer-Encoding", "chunked"), "invariant broken");
}

TEST(ProblemResponse, Is_a_problem_document_with_its_members_in_order) {
  const Response response = problem_response({403, "forbidden", "This Origin is not allowed.", "req-1"});
  EXPECT_EQ(write_response(response),
            "HTTP/1.1 403 Forbidden\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: req-1\r\n"
            "Content-Type: application/problem+json\r\nContent-Length: 134\r\n\r\n"
            R"({"type":"about:blank","title":"Forbidden","status":403,"detail":"This Origin is not allowed.",)"
            R"("code":"forbidden","request_id":"req-1"})");
}

TEST(ProblemResponse, Leaves_out_an_empty_code_and_an_empty_request_id) {
  const Response response = problem_response({404, "", "No such path.", ""});
  EXPECT_EQ(response.body, R"({"type":"about:blank","title":"Not Found","status":404,"detail":"No such path."})");
  ASSERT_EQ(response.headers.size(), 1U);
  EXPECT_EQ(response.headers[0].name, "X-Content-Type-Options");
}

TEST(ProblemResponse, Escapes_its_text_and_replaces_what_is_no_utf_8) {
  const Response response = problem_response({400, "bad_request", "\"<\\\r\n\x01 \xff\xc3\xa4", ""});
  EXPECT_NE(response.body.find("\"detail\":\"\\\"<\\\\\\r\\n\\u0001 \xef\xbf\xbd\xc3\xa4\""), std::string::npos)
      << response.body;
  EXPECT_EQ(nlohmann::json::parse(response.body)["status"], 400);
}

}  // namespace
}  // namespace crier::http
