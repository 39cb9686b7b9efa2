#include "broker/net/admission.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "broker/auth/origin.hpp"
#include "broker/net/response_headers.hpp"

namespace crier::net {
namespace {

http::RequestHead request(std::string method, std::vector<http::Header> headers, std::string target = "/message") {
  return {{std::move(headers)}, std::move(method), std::move(target), 1};
}

class AdmissionTest : public ::testing::Test {
 protected:
  AdmissionTest() {
    config.server.protected_mode = false;
    origins = auth::default_origins(false);
  }
  void protect() {
    config.server.protected_mode = true;
    origins = auth::default_origins(true);
  }
  [[nodiscard]] AdmissionContext context() const { return {.config = config, .origins = origins, .secure = secure}; }
  // The status of the refusal; 0: let in.
  int status(const http::RequestHead& head) const {
    const auto refusal = refuse(head, context());
    return refusal ? refusal->status : 0;
  }
  int host(const std::string& name) const { return status(request("GET", {{"Host", name}})); }
  int origin(const std::string& text) const {
    return status(request("GET", {{"Host", "broker.example:8008"}, {"Origin", text}}));
  }
  std::string detail(const http::RequestHead& head) const {
    const auto refusal = refuse(head, context());
    return refusal ? refusal->detail : "";
  }

  config::Config config;
  std::vector<std::string> origins;
  bool secure = false;
};

TEST_F(AdmissionTest, Serves_only_loopback_hosts_in_protected_mode) {
  protect();
  config.server.hosts = {"broker.example"};
  for (const char* name : {"localhost:8008", "127.0.0.1", "[::1]:8008", "0.0.0.0:8008"})
    EXPECT_EQ(host(name), 0) << name;
  for (const char* name : {"broker.example", "evil.example", "localhost.", "user@localhost", ""}) {
    EXPECT_EQ(host(name), 421) << name;
  }
  EXPECT_EQ(status({{}, "GET", "/message", 0}), 421) << "HTTP/1.0 without a Host";
}

TEST_F(AdmissionTest, Protects_only_while_nobody_can_prove_who_it_is) {
  protect();
  config.auth.jwt.secret = "a secret that is long enough for HS256";
  EXPECT_EQ(host("broker.example"), 0);
}

TEST_F(AdmissionTest, Serves_listed_hosts_and_loopback_where_hosts_are_listed) {
  config.server.hosts = {"broker.example", "10.0.0.7"};
  for (const char* name : {"broker.example", "Broker.Example:443", "10.0.0.7:8008", "localhost", "127.0.0.1:8008"}) {
    EXPECT_EQ(host(name), 0) << name;
  }
  for (const char* name : {"evil.example", "broker.example.", "x.broker.example", "10.0.0.8", "0.0.0.0", ""}) {
    EXPECT_EQ(host(name), 421) << name;
  }
  EXPECT_EQ(status({{}, "GET", "/message", 0}), 421) << "HTTP/1.0 without a Host";
  EXPECT_NE(detail(request("GET", {{"Host", "evil.example"}})).find("server.hosts"), std::string::npos);
}

TEST_F(AdmissionTest, Serves_every_host_that_is_one_where_none_is_listed) {
  for (const char* name : {"broker.example", "evil.example:1", "[2001:db8::1]"}) EXPECT_EQ(host(name), 0) << name;
  EXPECT_EQ(status({{}, "GET", "/message", 0}), 0) << "HTTP/1.0 need not name one";
  for (const char* name : {"", "broker.example.", "user@broker.example", "a,b", "a:b", "[::1"}) {
    EXPECT_EQ(host(name), 421) << name;
  }
}

TEST_F(AdmissionTest, Never_repeats_a_host_or_an_origin_in_its_refusals) {
  config.server.hosts = {"broker.example"};
  EXPECT_EQ(detail(request("GET", {{"Host", "evil.example"}})).find("evil"), std::string::npos);
  EXPECT_EQ(detail(request("GET", {{"Host", "broker.example"}, {"Origin", "http://evil.example"}})).find("evil"),
            std::string::npos);
}

TEST_F(AdmissionTest, Has_one_rule_of_origins_for_streams_posts_sockets_and_preflights) {
  const std::vector<http::Header> socket = {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}};
  for (const char* page : {"http://evil.example", "null", "http://broker.example", ""}) {
    const std::vector<http::Header> from = {{"Host", "broker.example:8008"}, {"Origin", page}};
    auto upgrade = from;
    upgrade.insert(upgrade.end(), socket.begin(), socket.end());
    auto post = from;
    post.push_back({"Content-Length", "2"});
    auto stream = from;
    stream.push_back({"Accept", "text/event-stream"});
    EXPECT_EQ(status(request("GET", upgrade)), 403) << page;
    EXPECT_EQ(status(request("POST", post)), 403) << page;
    EXPECT_EQ(status(request("GET", stream)), 403) << page;
    EXPECT_EQ(status(request("OPTIONS", from)), 403) << page;
    EXPECT_EQ(status(request("GET", from, "/nowhere")), 403) << page;
  }
}

TEST_F(AdmissionTest, Takes_the_scheme_of_same_from_whether_tls_ends_here) {
  EXPECT_EQ(origin("http://broker.example:8008"), 0);
  EXPECT_EQ(origin("https://broker.example:8008"), 0) << "a proxy may have ended TLS";
  secure = true;
  EXPECT_EQ(origin("http://broker.example:8008"), 403);
  EXPECT_EQ(origin("https://broker.example:8008"), 0);
}

TEST_F(AdmissionTest, Refuses_a_second_origin_whatever_the_rules) {
  origins = {"*"};
  const std::vector<http::Header> twice = {{"Host", "broker.example:8008"},
                                           {"Origin", "http://broker.example:8008"},
                                           {"origin", "http://broker.example:8008"}};
  EXPECT_EQ(status(request("GET", twice)), 403);
  EXPECT_NE(detail(request("GET", twice)).find("more than one"), std::string::npos);
  EXPECT_EQ(readable_for(request("GET", twice), context()), "");
}

TEST_F(AdmissionTest, Gives_the_reason_why_a_page_without_an_origin_of_its_own_is_refused) {
  EXPECT_EQ(origin("null"), 403);
  EXPECT_NE(detail(request("GET", {{"Host", "broker.example"}, {"Origin", "null"}})).find("(null)"), std::string::npos);
}

TEST_F(AdmissionTest, Refuses_a_stream_that_a_foreign_page_asks_for_without_an_origin) {
  const auto stream = [&](std::vector<http::Header> more) {
    more.push_back({"Host", "broker.example:8008"});
    more.push_back({"Accept", "text/event-stream"});
    return status(request("GET", std::move(more), "/message?channel=a"));
  };
  EXPECT_EQ(stream({{"Sec-Fetch-Site", "cross-site"}}), 403) << "as a picture, say";
  EXPECT_EQ(stream({{"Sec-Fetch-Site", "same-site"}}), 403);
  EXPECT_EQ(stream({{"Sec-Fetch-Site", "same-origin"}}), 0) << "our own page's EventSource sends no Origin";
  EXPECT_EQ(stream({{"Sec-Fetch-Site", "none"}}), 0);
  EXPECT_EQ(stream({}), 0) << "curl";
  origins = {"https://app.example"};
  EXPECT_EQ(stream({{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://app.example"}}), 0);
  EXPECT_EQ(status(request("GET", {{"Host", "broker.example"}, {"Sec-Fetch-Site", "cross-site"}})), 0)
      << "a link to us is no stream";
}

TEST_F(AdmissionTest, Makes_every_answer_readable_for_pages_that_may_call_and_none_for_others) {
  origins = {"https://app.example"};
  const auto readable = [&](const char* host_name, const char* page) {
    return readable_for(request("POST", {{"Host", host_name}, {"Origin", page}}, "/nowhere"), context());
  };
  EXPECT_EQ(readable("broker.example", "https://app.example"), "https://app.example") << "also where it is refused";
  EXPECT_EQ(readable("broker.example", "https://evil.example"), "");
  EXPECT_EQ(readable("broker.example", "null"), "");
  EXPECT_EQ(readable_for(request("GET", {{"Host", "broker.example"}}), context()), "");
  config.server.hosts = {"broker.example"};
  EXPECT_EQ(readable("rebound.example", "https://app.example"), "");
}

}  // namespace
}  // namespace crier::net
