#include "broker/net/client_address.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crier::net {
namespace {

const std::vector<std::string> proxies = {"10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "127.0.0.1"};

std::string client(std::string_view peer, std::string_view forwarded_for) {
  return client_address(peer, forwarded_for, proxies);
}

TEST(ClientAddress, Is_the_peer_s_own_where_that_is_no_trusted_proxy_whatever_the_header_says) {
  EXPECT_EQ(client("203.0.113.9", "198.51.100.1"), "203.0.113.9");
  EXPECT_EQ(client("192.0.2.8", "198.51.100.1"), "192.0.2.8");
  EXPECT_EQ(client("2001:db9::1", "198.51.100.1"), "2001:db9::1");
  EXPECT_EQ(client_address("10.0.0.1", "198.51.100.1", {}), "10.0.0.1");
}

TEST(ClientAddress, Is_the_rightmost_address_that_is_no_trusted_proxy) {
  EXPECT_EQ(client("10.0.0.1", "198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6, 198.51.100.1"), "198.51.100.1") << "what the client made up stands left";
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.2.3.4, 192.0.2.7"), "198.51.100.1");
  EXPECT_EQ(client("10.0.0.1", "10.9.9.9"), "10.9.9.9") << "nobody but proxies: the first of them";
  EXPECT_EQ(client("10.0.0.1", ""), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", " \t "), "10.0.0.1");
}

TEST(ClientAddress, Is_the_last_hop_that_could_be_told_where_an_entry_is_no_address) {
  for (const char* entry : {"unknown",
                            "_hidden",
                            "198.51.100",
                            "198.51.100.1.2",
                            "256.1.1.1",
                            "0198.51.100.1",
                            "198.51.100.1:x",
                            "198.51.100.1:",
                            "198.51.100.1:123456",
                            "198.51.100.1/32",
                            "[198.51.100.1]",
                            "[::1",
                            "::1]",
                            "[::1]x",
                            "[::1]:",
                            "fe80::1%eth0",
                            "localhost",
                            "\"198.51.100.1\"",
                            "198.51.100.1 6.6.6.6",
                            "\x01",
                            "-1",
                            "1"}) {
    EXPECT_EQ(client("10.0.0.1", entry), "10.0.0.1") << entry;
    EXPECT_EQ(client("10.0.0.1", std::string("6.6.6.6, ") + entry + ", 10.0.0.2"), "10.0.0.2") << entry;
  }
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6,, 10.0.0.2"), "10.0.0.2") << "an empty entry is none either";
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6,"), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", std::string("1.2.3.4\0", 8)), "10.0.0.1");
}

TEST(ClientAddress, Reads_ports_brackets_and_white_space) {
  EXPECT_EQ(client("10.0.0.1", "198.51.100.1:4711"), "198.51.100.1");
  EXPECT_EQ(client("10.0.0.1", "\t198.51.100.1 ,10.0.0.3:80"), "198.51.100.1");
  EXPECT_EQ(client("10.0.0.1", "2001:DB9:0::1"), "2001:db9::1");
  EXPECT_EQ(client("10.0.0.1", "[2001:db9::1]"), "2001:db9::1");
  EXPECT_EQ(client("10.0.0.1", "[2001:db9::1]:4711"), "2001:db9::1");
  EXPECT_EQ(client("2001:db8::5", "[2001:db8::1]:4711, 198.51.100.1"), "198.51.100.1");
}

TEST(ClientAddress, Takes_an_ipv4_address_in_the_spelling_of_ipv6_for_what_it_is) {
  EXPECT_EQ(client("::ffff:10.0.0.1", "198.51.100.1"), "198.51.100.1") << "a listener on [::] sees its peers so";
  EXPECT_EQ(client("::ffff:203.0.113.9", "198.51.100.1"), "203.0.113.9");
  EXPECT_EQ(client("10.0.0.1", "6.6.6.6, ::ffff:10.0.0.2"), "6.6.6.6");
  EXPECT_EQ(client("10.0.0.1", "[::FFFF:198.51.100.1]:80"), "198.51.100.1");
  const std::vector<std::string> mapped = {"::ffff:10.0.0.0/104"};
  EXPECT_EQ(client_address("10.3.4.5", "198.51.100.1", mapped), "198.51.100.1");
  EXPECT_EQ(client_address("11.3.4.5", "198.51.100.1", mapped), "11.3.4.5");
}

TEST(ClientAddress, Of_a_unix_socket_is_told_by_a_proxy_where_this_machine_is_trusted) {
  EXPECT_EQ(client("unix", "198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(client("unix", ""), "unix");
  EXPECT_EQ(client_address("unix", "198.51.100.1", {}), "unix");
}

TEST(ClientAddress, Trusts_everybody_by_a_prefix_of_no_bits_and_one_by_all) {
  const std::vector<std::string> all = {"0.0.0.0/0"};
  EXPECT_EQ(client_address("203.0.113.9", "1.1.1.1, 2.2.2.2", all), "1.1.1.1");
  EXPECT_EQ(client_address("2001:db8::1", "1.1.1.1", all), "2001:db8::1") << "of that family";
  const std::vector<std::string> odd = {"10.0.0.128/25"};
  EXPECT_EQ(client_address("10.0.0.129", "1.1.1.1", odd), "1.1.1.1");
  EXPECT_EQ(client_address("10.0.0.127", "1.1.1.1", odd), "10.0.0.127");
}

TEST(ClientAddress, Leaves_a_peer_that_it_cannot_read_alone) {
  EXPECT_EQ(client("somewhere", "198.51.100.1"), "somewhere");
  EXPECT_EQ(client("", "198.51.100.1"), "") << "it is gone";
}

}  // namespace
}  // namespace crier::net
