#include "broker/net/response_headers.hpp"

#include <gtest/gtest.h>

#include <string>

namespace crier::net {
namespace {

std::string value(const Headers& headers, std::string_view name) {
  std::string found;
  for (const http::Header& header : headers) {
    if (header.name != name) continue;
    EXPECT_EQ(found, "") << "twice: " << name;
    found = header.value;
  }
  return found;
}

TEST(Cors, Names_the_one_origin_and_what_its_pages_may_read) {
  Headers headers;
  add_cors(headers, "https://app.example");
  EXPECT_EQ(value(headers, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(value(headers, "Vary"), "Origin") << "a cache must not give one origin's answer to another";
  EXPECT_EQ(value(headers, "Access-Control-Expose-Headers"), "X-Request-Id, Retry-After");
  EXPECT_EQ(value(headers, "Access-Control-Allow-Credentials"), "") << "we use no cookies";
}

TEST(Cors, Is_silent_to_a_page_that_may_not_call) {
  Headers headers;
  add_cors(headers, "");
  EXPECT_TRUE(headers.empty());
  add_preflight(headers, {{{{"Access-Control-Request-Private-Network", "true"}}}, "OPTIONS", "/message"}, "");
  ASSERT_EQ(headers.size(), 1U);
  EXPECT_EQ(value(headers, "Allow"), "GET, HEAD, POST, OPTIONS");
}

TEST(Cors, Allows_in_a_preflight_what_the_contract_needs) {
  Headers headers;
  add_preflight(headers, {{}, "OPTIONS", "/message"}, "https://app.example");
  EXPECT_EQ(value(headers, "Access-Control-Allow-Methods"), "GET, POST");
  EXPECT_EQ(value(headers, "Access-Control-Allow-Headers"), "Authorization, Content-Type, Last-Event-ID");
  EXPECT_EQ(value(headers, "Access-Control-Max-Age"), "600");
  EXPECT_EQ(value(headers, "Access-Control-Allow-Private-Network"), "") << "nobody asked";
}

TEST(Cors, Allows_a_private_network_to_a_page_that_may_call_and_asks) {
  Headers headers;
  add_preflight(headers, {{{{"Access-Control-Request-Private-Network", "true"}}}, "OPTIONS", "/message"},
                "https://app.example");
  EXPECT_EQ(value(headers, "Access-Control-Allow-Private-Network"), "true");
}

TEST(AnswerPolicy, Keeps_answers_from_caches_frames_and_guesses_and_repeats_no_header) {
  Headers headers = {{"x-content-type-options", "nosniff"}};
  add_answer_policy(headers);
  add_answer_policy(headers);
  EXPECT_EQ(headers.size(), 4U);
  EXPECT_EQ(value(headers, "Cache-Control"), "no-store");
  EXPECT_EQ(value(headers, "Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'");
  EXPECT_EQ(value(headers, "Referrer-Policy"), "no-referrer");
}

TEST(PagePolicy, Stays_when_an_answer_s_policy_is_added) {
  Headers headers;
  add_page_policy(headers);
  const std::string policy = value(headers, "Content-Security-Policy");
  add_answer_policy(headers);
  EXPECT_EQ(value(headers, "Content-Security-Policy"), policy);
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_EQ(value(headers, "Cache-Control"), "no-cache");
  EXPECT_EQ(value(headers, "Strict-Transport-Security"), "") << "other ports of this name are not ours";
}

}  // namespace
}  // namespace crier::net
