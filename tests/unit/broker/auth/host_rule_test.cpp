#include "broker/auth/host_rule.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crier::auth {
namespace {

bool protects(std::string_view host) {
  const auto place = parse_host(host);
  return place && protected_host_allowed(*place);
}

bool listed(std::string_view host, const std::vector<std::string>& names) {
  const auto place = parse_host(host);
  return place && host_listed(*place, names);
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
  expect("[2001:0db8:0::0:1]:80", "[2001:db8::1]", 80);
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
                           "[::1%eth0]",
                           "[::1/128]",
                           "[127.0.0.1]",
                           "[1:2]",
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
    EXPECT_TRUE(protects(host)) << host;
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
    EXPECT_FALSE(protects(host)) << host;
  }
}

TEST(ListedHosts, Are_compared_exactly_but_for_case_and_on_any_port) {
  const std::vector<std::string> names = {"Broker.example.com", "10.0.0.7", "[2001:db8::7]"};
  for (const char* host :
       {"broker.example.com", "BROKER.example.COM:8443", "10.0.0.7:80", "[2001:db8:0::7]", "[2001:DB8::7]:8008"}) {
    EXPECT_TRUE(listed(host, names)) << host;
  }
  for (const char* host :
       {"example.com", "x.broker.example.com", "broker.example.com.", "broker.example.com.evil.example",
        "xbroker.example.com", "10.0.0.8", "10.0.0.70", "[2001:db8::8]", "0.0.0.0", "", "*"}) {
    EXPECT_FALSE(listed(host, names)) << host;
  }
}

TEST(ListedHosts, Always_hold_loopback_which_no_name_server_can_claim) {
  for (const char* host : {"localhost", "localhost:8008", "127.0.0.1:1", "127.1.2.3", "[::1]:8008"}) {
    EXPECT_TRUE(listed(host, {"broker.example.com"})) << host;
  }
  EXPECT_FALSE(listed("localhost.evil.example", {"broker.example.com"}));
}

TEST(AddressHost, Is_what_no_name_server_was_asked_for) {
  for (const char* host : {"10.0.0.1", "[::1]", "[2001:db8::1]:9008", "255.255.255.255:1"}) {
    const auto place = parse_host(host);
    ASSERT_TRUE(place) << host;
    EXPECT_TRUE(is_address_host(place->host)) << host;
  }
  for (const char* host :
       {"localhost", "10.0.0.1.nip.io", "10.0.0", "2130706433", "0x7f.0.0.1", "010.0.0.1", "256.1.1.1"}) {
    const auto place = parse_host(host);
    ASSERT_TRUE(place) << host;
    EXPECT_FALSE(is_address_host(place->host)) << host;
  }
}

}  // namespace
}  // namespace crier::auth
