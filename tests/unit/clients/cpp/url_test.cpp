#include "clients/cpp/url.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace crier::client {
namespace {

Url url_of(std::string_view text) {
  auto url = parse_url(text);
  EXPECT_TRUE(url) << text;
  return url ? *url : Url{};
}

std::string fault_of(std::string_view text) {
  auto url = parse_url(text);
  EXPECT_FALSE(url) << text;
  return url ? "" : url.error().detail;
}

TEST(Url, Says_where_the_broker_is) {
  const Url url = url_of("ws://localhost:8008/message?channel=news");
  EXPECT_FALSE(url.tls);
  EXPECT_EQ(url.host, "localhost");
  EXPECT_EQ(url.port, 8008);
  EXPECT_EQ(url.target, "/message?channel=news");
  EXPECT_EQ(url.host_header(), "localhost:8008");
}

TEST(Url, Takes_http_for_ws_and_https_for_wss_in_any_case) {
  EXPECT_EQ(url_of("http://a/x"), url_of("ws://a/x"));
  EXPECT_EQ(url_of("HTTPS://a/x"), url_of("wss://a/x"));
  EXPECT_TRUE(url_of("wss://a").tls);
}

TEST(Url, Has_the_usual_port_and_path_where_none_is_given) {
  EXPECT_EQ(url_of("ws://a").port, 80);
  EXPECT_EQ(url_of("wss://a").port, 443);
  EXPECT_EQ(url_of("ws://a").target, "/message");
  EXPECT_EQ(url_of("ws://a?channel=b").target, "/message?channel=b");
  EXPECT_EQ(url_of("ws://a/").target, "/");
  EXPECT_EQ(url_of("ws://a").host_header(), "a");
  EXPECT_EQ(url_of("wss://a:443").host_header(), "a");
  EXPECT_EQ(url_of("wss://a:80").host_header(), "a:80");
}

TEST(Url, Takes_an_IPv6_address_in_brackets_only) {
  const Url url = url_of("ws://[::1]:8008");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.host_header(), "[::1]:8008");
  EXPECT_NE(fault_of("ws://::1:8008").find("brackets"), std::string::npos);
  fault_of("ws://[::1");
  fault_of("ws://[localhost]");
  fault_of("ws://[::1]8008");
}

TEST(Url, Takes_a_socket_of_this_machine) {
  const Url url = url_of("unix:/run/crier.sock");
  EXPECT_EQ(url.unix_path, "/run/crier.sock");
  EXPECT_EQ(url.host_header(), "localhost");
  EXPECT_EQ(url.target, "/message");
  EXPECT_EQ(url.text(), "unix:/run/crier.sock");
  fault_of("unix:relative");
  fault_of("unix:/" + std::string(107, 'x'));
}

TEST(Url, Is_shown_without_its_query_which_may_hold_a_token) {
  EXPECT_EQ(url_of("https://a:8008/m?token=secret").text(), "wss://a:8008/m");
}

TEST(Url, Says_what_is_wrong_with_it) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "scheme"},
      {"localhost:8008", "scheme"},
      {"ftp://a", "ws, wss"},
      {"ws://", "no host"},
      {"ws://:8008", "no host"},
      {"ws://a:", "port"},
      {"ws://a:0", "port"},
      {"ws://a:65536", "port"},
      {"ws://a:80x", "port"},
      {"ws://a:-1", "port"},
      {"ws://u:p@a", "token"},
      {"ws://a/#b", "fragment"},
      {"ws://a/b c", "percent"},
      {"ws://a/\r\nX: y", "percent"},
      {"ws://a b/", "character"},
      {"ws://a\r\n/", "character"},
      {"ws://ex\xC3\xA4mple", "ASCII"},
  };
  for (const auto& [text, word] : cases) EXPECT_NE(fault_of(text).find(word), std::string::npos) << text;
}

}  // namespace
}  // namespace crier::client
