#include "broker/auth/origin.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crier::auth {
namespace {

using Rules = std::vector<std::string>;

bool allowed(std::string_view origin, std::string_view host, const Rules& rules) {
  std::string why;
  const bool verdict = origin_allowed(origin, host, rules, why);
  EXPECT_EQ(why.empty(), verdict) << "a refusal says why, and only a refusal";
  return verdict;
}

TEST(ParseHost, Reads_names_addresses_and_ports_in_lower_case) {
  const auto expect = [](std::string_view text, const std::string& host, int port) {
    const auto place = parse_host(text);
    ASSERT_TRUE(place) << text;
    EXPECT_EQ(*place, (HostPort{host, port})) << text;
  };
  expect("example.com", "example.com", 0);
  expect("Example.COM:8008", "example.com", 8008);
  expect("127.0.0.1:80", "127.0.0.1", 80);
  expect("[::1]", "[::1]", 0);
  expect("[2001:DB8::1]:443", "[2001:db8::1]", 443);
  expect("[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]", 0);
  expect("my_host-1", "my_host-1", 0);
  expect("a:1", "a", 1);
  expect("a:65535", "a", 65535);
}

TEST(ParseHost, Refuses_everything_that_is_not_exactly_a_host_and_a_port) {
  for (const char* text : {"",
                           ":",
                           ":80",
                           "a:",
                           "a:0",
                           "a:65536",
                           "a:99999999999",
                           "a:-1",
                           "a:+1",
                           "a:8o",
                           "a:80:80",
                           "a b",
                           "a/",
                           "a?b",
                           "a#b",
                           "user@a",
                           "user:secret@a",
                           "a,b",
                           "example.com.",
                           ".example.com",
                           "::1",
                           "[::1",
                           "::1]",
                           "[::1]80",
                           "[::1]x:80",
                           "[]",
                           "[:]",
                           "[::g]",
                           "[::1%25eth0]",
                           "[a]]",
                           "http://a",
                           "a\\b",
                           "caf\xc3\xa9",
                           "%61",
                           "a\t",
                           " a"}) {
    EXPECT_FALSE(parse_host(text)) << text;
  }
  EXPECT_FALSE(parse_host(std::string_view("a\0b", 3)));
}

TEST(ProtectedMode, Serves_loopback_names_and_addresses_on_any_port) {
  for (const char* host : {"localhost", "LOCALHOST:1234", "127.0.0.1", "127.0.0.1:8008", "127.255.255.254", "[::1]",
                           "[::1]:8008", "0.0.0.0", "0.0.0.0:8008"}) {
    EXPECT_TRUE(protected_host_allowed(host)) << host;
  }
}

TEST(ProtectedMode, Refuses_every_name_that_a_foreign_page_could_rebind_to_it) {
  for (const char* host : {"",
                           "evil.example",
                           "127.0.0.1.evil.example",
                           "127.0.0.1.nip.io",
                           "localhost.evil.example",
                           "localhost.",
                           "127.0.0.1.",
                           "evil.localhost",
                           "localhost.localdomain",
                           "xlocalhost",
                           "127.1",
                           "127.0.1",
                           "127",
                           "2130706433",
                           "0x7f.0.0.1",
                           "0177.0.0.1",
                           "127.0.0.256",
                           "127.0.0.0001",
                           "127.0.0.1.1",
                           "127..0.1",
                           "128.0.0.1",
                           "10.0.0.1",
                           "192.168.1.1",
                           "0.0.0.0.evil.example",
                           "0",
                           "[::]",
                           "[::2]",
                           "[::ffff:127.0.0.1]",
                           "::1",
                           "[::1",
                           "localhost:",
                           "localhost:0",
                           "localhost:x",
                           "user@localhost",
                           "localhost/",
                           "localhost, evil.example",
                           "localhost evil"}) {
    EXPECT_FALSE(protected_host_allowed(host)) << host;
  }
}

TEST(Origin, Local_lets_in_pages_of_this_machine_on_any_port_and_no_others) {
  const Rules local = {"local"};
  for (const char* origin : {"http://localhost", "http://localhost:63342", "https://LOCALHOST:3000",
                             "http://127.0.0.1:8008", "http://127.8.9.10", "http://[::1]:5173"}) {
    EXPECT_TRUE(allowed(origin, "anything.example", local)) << origin;
  }
  for (const char* origin :
       {"null", "", "http://", "localhost", "http://localhost.evil.example", "http://127.0.0.1.evil.example",
        "http://evil.example", "http://evil.example:127", "http://localhost.", "http://localhost/",
        "http://localhost/x", "http://user@localhost", "http://evil.example#@localhost",
        "http://localhost, http://evil.example", "http://localhost http://evil.example", "http://0.0.0.0", "file://",
        "http://[::1", "http://2130706433"}) {
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
  EXPECT_FALSE(origin_allowed("null", "localhost", Rules{"same", "local"}, why));
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
