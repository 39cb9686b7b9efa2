#include "protocol/http/request.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace crier::http {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

RequestHead head_with(std::vector<Header> headers, int minor_version = 1) {
  RequestHead head;
  head.minor_version = minor_version;
  head.headers = std::move(headers);
  return head;
}

RequestHead head_for(std::string target) {
  RequestHead head;
  head.target = std::move(target);
  return head;
}

TEST(EqualsIgnoringCase, Folds_ascii_letters_and_nothing_else) {
  EXPECT_TRUE(equals_ignoring_case("Content-LENGTH", "content-length"));
  EXPECT_TRUE(equals_ignoring_case("", ""));
  EXPECT_FALSE(equals_ignoring_case("host", "hosts"));
  EXPECT_FALSE(equals_ignoring_case("@", "`"));             // 0x20 apart, as 'A' and 'a' are
  EXPECT_FALSE(equals_ignoring_case("\xc4", "\xe4"));       // a letter only in Latin-1
  EXPECT_FALSE(equals_ignoring_case("\xe2\x84\xaa", "k"));  // U+212A folds to 'k' in Unicode
}

TEST(RequestHead, Splits_the_target_at_the_first_question_mark) {
  EXPECT_EQ(head_for("/message?channel=a?b").path(), "/message");
  EXPECT_EQ(head_for("/message?channel=a?b").query(), "channel=a?b");
  EXPECT_EQ(head_for("/message").path(), "/message");
  EXPECT_EQ(head_for("/message").query(), "");
  EXPECT_EQ(head_for("/?").path(), "/");
  EXPECT_EQ(head_for("/?").query(), "");
}

TEST(RequestHead, Finds_the_first_header_of_a_name_in_any_case) {
  const RequestHead head = head_with({{"Accept", "a"}, {"ACCEPT", "b"}});
  ASSERT_NE(head.find("accept"), nullptr);
  EXPECT_EQ(*head.find("accept"), "a");
  EXPECT_EQ(head.find("accep"), nullptr);
  EXPECT_EQ(head.count("aCCept"), 2U);
  EXPECT_EQ(head.count("host"), 0U);
}

TEST(RequestHead, Joins_all_values_of_a_name_in_order) {
  const RequestHead head = head_with({{"A", ""}, {"B", "x"}, {"a", "2"}, {"A", "3"}});
  EXPECT_EQ(head.joined("a"), ", 2, 3");
  EXPECT_EQ(head.joined("b"), "x");
  EXPECT_EQ(head.joined("c"), "");
}

TEST(RequestHead, Sees_a_token_in_any_place_of_a_list_but_only_as_a_whole) {
  const RequestHead head = head_with({{"Connection", "keep-alive ,\tUpgrade"}, {"connection", ",,x-last"}});
  EXPECT_TRUE(head.has_token("Connection", "upgrade"));
  EXPECT_TRUE(head.has_token("Connection", "keep-alive"));
  EXPECT_TRUE(head.has_token("Connection", "X-Last"));
  EXPECT_FALSE(head.has_token("Connection", "keep"));
  EXPECT_FALSE(head.has_token("Connection", "keep-alive ,\tUpgrade"));
  EXPECT_FALSE(head.has_token("Upgrade", "upgrade"));
}

TEST(RequestHead, Keeps_http_1_1_open_unless_it_says_close) {
  EXPECT_TRUE(head_with({}).keep_alive());
  EXPECT_FALSE(head_with({{"Connection", "Close"}}).keep_alive());
  EXPECT_FALSE(head_with({{"Connection", "keep-alive, close"}}).keep_alive());
}

TEST(RequestHead, Closes_http_1_0_unless_it_says_keep_alive) {
  EXPECT_FALSE(head_with({}, 0).keep_alive());
  EXPECT_TRUE(head_with({{"Connection", "Keep-Alive"}}, 0).keep_alive());
  EXPECT_FALSE(head_with({{"Connection", "keep-alive"}, {"Connection", "close"}}, 0).keep_alive());
}

TEST(ParseQuery, Keeps_the_order_and_repeated_names) {
  EXPECT_EQ(parse_query("channel=a&x=1&channel=b"), (Parameters{{"channel", "a"}, {"x", "1"}, {"channel", "b"}}));
}

TEST(ParseQuery, Decodes_escapes_and_plus_in_names_and_values) {
  EXPECT_EQ(parse_query("a%2Bb+c=%C3%A4+%3d"), (Parameters{{"a+b c", "\xc3\xa4 ="}}));
  EXPECT_EQ(parse_query("n=%00"), (Parameters{{"n", std::string(1, '\0')}}));
}

TEST(ParseQuery, Leaves_a_broken_escape_as_it_is) {
  EXPECT_EQ(parse_query("a=%&b=%4&c=%zz&d=%%41&e=%4"),
            (Parameters{{"a", "%"}, {"b", "%4"}, {"c", "%zz"}, {"d", "%A"}, {"e", "%4"}}));
}

TEST(ParseQuery, Skips_empty_pairs_and_allows_missing_parts) {
  EXPECT_EQ(parse_query(""), Parameters{});
  EXPECT_EQ(parse_query("&&"), Parameters{});
  EXPECT_EQ(parse_query("a&=b&c=&d=e=f&="), (Parameters{{"a", ""}, {"", "b"}, {"c", ""}, {"d", "e=f"}, {"", ""}}));
}

}  // namespace
}  // namespace crier::http
