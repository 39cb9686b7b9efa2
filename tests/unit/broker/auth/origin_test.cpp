#include "broker/auth/origin.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crier::auth {
namespace {

using Rules = std::vector<std::string>;

bool allowed(std::string_view origin, std::string_view host, const Rules& rules, bool secure = false) {
  std::string why;
  const bool verdict = origin_allowed(origin, {host, secure}, rules, why);
  EXPECT_EQ(why.empty(), verdict) << "a refusal says why, and only a refusal";
  return verdict;
}

TEST(Origin, Local_lets_in_pages_of_this_machine_on_any_port_and_no_others) {
  const Rules local = {"local"};
  for (const char* origin : {"http://localhost", "http://localhost:63342", "https://LOCALHOST:3000",
                             "http://127.0.0.1:8008", "http://127.8.9.10", "http://[::1]:5173"}) {
    EXPECT_TRUE(allowed(origin, "anything.example", local)) << origin;
  }
  for (const char* origin : {"null",
                             "",
                             "http://",
                             "localhost",
                             "http://localhost.evil.example",
                             "http://127.0.0.1.evil.example",
                             "http://evil.example",
                             "http://evil.example:127",
                             "http://localhost.",
                             "http://localhost/",
                             "http://localhost/x",
                             "http://user@localhost",
                             "http://evil.example#@localhost",
                             "http://localhost, http://evil.example",
                             "http://localhost http://evil.example",
                             "http://0.0.0.0",
                             "file://",
                             "http://[::1",
                             "http://2130706433",
                             "capacitor://localhost",
                             "app://localhost:80"}) {
    EXPECT_FALSE(allowed(origin, "localhost", local)) << origin;
  }
}

TEST(Origin, Same_compares_host_and_port_where_a_missing_port_is_the_scheme_s) {
  const Rules same = {"same"};
  EXPECT_TRUE(allowed("http://example.com", "example.com", same));
  EXPECT_TRUE(allowed("https://example.com", "example.com", same)) << "a proxy may have ended TLS";
  EXPECT_TRUE(allowed("http://example.com", "EXAMPLE.com:80", same));
  EXPECT_TRUE(allowed("https://example.com:443", "example.com", same));
  EXPECT_TRUE(allowed("http://[::1]:8008", "[::1]:8008", same));
  EXPECT_FALSE(allowed("http://example.com", "example.com:8008", same));
  EXPECT_FALSE(allowed("http://example.com:8008", "example.com", same));
  EXPECT_FALSE(allowed("https://example.com", "example.com:80", same));
  EXPECT_FALSE(allowed("http://www.example.com", "example.com", same));
  EXPECT_FALSE(allowed("http://example.com", "www.example.com", same));
  EXPECT_FALSE(allowed("http://localhost:8008", "127.0.0.1:8008", same));
  EXPECT_FALSE(allowed("null", "null", same));
  EXPECT_FALSE(allowed("http://example.com", "", same));
  EXPECT_FALSE(allowed("http://example.com.", "example.com.", same)) << "a trailing dot is no host here";
}

TEST(Origin, Same_is_https_alone_where_tls_ends_here) {
  const Rules same = {"same"};
  EXPECT_TRUE(allowed("https://example.com", "example.com", same, /*secure=*/true));
  EXPECT_TRUE(allowed("https://example.com", "example.com:443", same, true));
  EXPECT_TRUE(allowed("https://example.com:8443", "example.com:8443", same, true));
  EXPECT_FALSE(allowed("http://example.com", "example.com", same, true)) << "a page that came in the clear is not us";
  EXPECT_FALSE(allowed("http://example.com:8443", "example.com:8443", same, true));
  EXPECT_FALSE(allowed("http://example.com:443", "example.com", same, true));
}

TEST(Origin, Same_is_never_of_a_scheme_that_no_web_server_has) {
  for (const bool secure : {false, true}) {
    EXPECT_FALSE(allowed("app://example.com:8008", "example.com:8008", {"same"}, secure));
    EXPECT_FALSE(allowed("chrome-extension://example.com", "example.com", {"same"}, secure));
  }
  EXPECT_TRUE(allowed("capacitor://localhost", "example.com", {"capacitor://localhost"})) << "but it can be listed";
}

TEST(Origin, Compares_ipv6_addresses_and_not_their_spelling) {
  EXPECT_TRUE(allowed("http://[2001:db8::1]:8008", "[2001:DB8:0:0::1]:8008", {"same"}));
  EXPECT_TRUE(allowed("http://[::1]:3000", "broker", {"local"}));
  EXPECT_TRUE(allowed("http://[2001:db8::1]", "broker", {"http://[2001:db8:0:0:0:0:0:1]"}));
  EXPECT_FALSE(allowed("http://[2001:db8::2]", "broker", {"http://[2001:db8::1]"}));
}

TEST(Origin, A_listed_origin_is_matched_by_scheme_host_and_port) {
  const Rules listed = {"https://example.com", "http://dev.example.com:3000"};
  EXPECT_TRUE(allowed("https://example.com", "broker", listed));
  EXPECT_TRUE(allowed("https://EXAMPLE.com:443", "broker", listed));
  EXPECT_TRUE(allowed("http://dev.example.com:3000", "broker", listed));
  for (const char* origin :
       {"http://example.com", "https://example.com:8443", "https://www.example.com", "https://example.com.evil.example",
        "https://evilexample.com", "https://dev.example.com:3000", "http://dev.example.com", "null",
        "https://example.com/"}) {
    EXPECT_FALSE(allowed(origin, "broker", listed)) << origin;
  }
}

TEST(Origin, A_star_stands_for_one_subdomain_or_more_but_not_for_the_domain_itself) {
  const Rules wild = {"https://*.example.com"};
  EXPECT_TRUE(allowed("https://a.example.com", "broker", wild));
  EXPECT_TRUE(allowed("https://a.b.example.com", "broker", wild));
  for (const char* origin :
       {"https://example.com", "https://.example.com", "https://evilexample.com", "http://a.example.com",
        "https://a.example.com:8443", "https://a.example.com.evil.example"}) {
    EXPECT_FALSE(allowed(origin, "broker", wild)) << origin;
  }
}

TEST(Origin, Says_that_a_null_origin_is_opaque_and_lets_in_anybody_only_by_a_lone_star) {
  std::string why;
  EXPECT_FALSE(origin_allowed("null", {"localhost"}, Rules{"same", "local"}, why));
  EXPECT_NE(why.find("null"), std::string::npos);
  EXPECT_TRUE(allowed("null", "localhost", {"*"}));
  EXPECT_TRUE(allowed("https://evil.example", "localhost", {"local", "*"}));
  EXPECT_FALSE(allowed("http://localhost", "localhost", {}));
}

TEST(Origin, Unset_means_same_and_in_protected_mode_this_machine_s_pages_too) {
  EXPECT_EQ(default_origins(true), (Rules{"same", "local"}));
  EXPECT_EQ(default_origins(false), (Rules{"same"}));
}

}  // namespace
}  // namespace crier::auth
