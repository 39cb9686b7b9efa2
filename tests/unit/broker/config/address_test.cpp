#include "broker/config/address.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier::config {
namespace {

TEST(Address, Splits_host_and_port_and_knows_loopback) {
  EXPECT_EQ(parse_address("127.0.0.1:8008"), (Address{"127.0.0.1", 8008, true}));
  EXPECT_EQ(parse_address("127.255.0.9:0"), (Address{"127.255.0.9", 0, true}));
  EXPECT_EQ(parse_address("localhost:65535"), (Address{"localhost", 65535, true}));
  EXPECT_EQ(parse_address("[::1]:80"), (Address{"::1", 80, true}));
  EXPECT_EQ(parse_address("[::ffff:127.0.0.1]:80"), (Address{"::ffff:127.0.0.1", 80, true}));
  EXPECT_EQ(parse_address("0.0.0.0:80"), (Address{"0.0.0.0", 80, false}));
  EXPECT_EQ(parse_address("128.0.0.1:80"), (Address{"128.0.0.1", 80, false}));
  EXPECT_EQ(parse_address("[::]:80"), (Address{"::", 80, false}));
  EXPECT_EQ(parse_address("[2001:db8::1]:443"), (Address{"2001:db8::1", 443, false}));
  EXPECT_EQ(parse_address("[::ffff:10.0.0.1]:80"), (Address{"::ffff:10.0.0.1", 80, false}));
}

TEST(Address, Refuses_what_is_no_literal_address_with_a_port) {
  for (const std::string_view text : {"",
                                      ":",
                                      ":8008",
                                      "8008",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "127.0.0.1:65536",
                                      "127.0.0.1:-1",
                                      "127.0.0.1:+1",
                                      "127.0.0.1:80 ",
                                      " 127.0.0.1:80",
                                      "127.0.0.1:0x50",
                                      "127.1:80",
                                      "256.0.0.1:80",
                                      "127.0.0.01:80",
                                      "::1:80",
                                      "[::1]",
                                      "[::1:80",
                                      "::1]:80",
                                      "[]:80",
                                      "[127.0.0.1]:80",
                                      "[fe80::1%eth0]:80",
                                      "[localhost]:80",
                                      "example.com:80",
                                      "LOCALHOST:80",
                                      "unix:run/crier.sock",
                                      "unix:/run/",
                                      "unix:/",
                                      "unix:",
                                      "unix:/a\tb",
                                      "/run/crier.sock"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
  EXPECT_FALSE(parse_address(std::string_view("127.0.0.1\0.example.com:80", 25)));
  EXPECT_FALSE(parse_address(std::string_view("unix:/a\0b", 9)));
}

TEST(Address, Takes_a_path_for_a_unix_socket_of_this_machine) {
  const auto address = parse_address("unix:/run/crier:1.sock");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->unix_path, "/run/crier:1.sock");
  EXPECT_TRUE(address->loopback);
  EXPECT_EQ(address->port, 0);
  EXPECT_TRUE(parse_address("unix:/" + std::string(106, 'x')));
  EXPECT_FALSE(parse_address("unix:/" + std::string(107, 'x')));
}

TEST(Network, Is_an_address_with_the_number_of_its_bits_that_count) {
  for (const auto& [text, spelled] : std::vector<std::pair<std::string, std::string>>{
           {"10.0.0.0/8", "10.0.0.0/8"},
           {"10.1.2.3/8", "10.0.0.0/8"},
           {"192.0.2.255/25", "192.0.2.128/25"},
           {"192.0.2.7", "192.0.2.7/32"},
           {"0.0.0.0/0", "0.0.0.0/0"},
           {"255.255.255.255/0", "0.0.0.0/0"},
           {"2001:db8::/32", "2001:db8::/32"},
           {"2001:db8:ffff::1/33", "2001:db8:8000::/33"},
           {"::1", "::1/128"},
           {"ffff::/0", "::/0"},
       }) {
    const auto network = parse_network(text);
    ASSERT_TRUE(network) << text;
    EXPECT_EQ(network_text(masked(*network)), spelled);
    EXPECT_EQ(network->v6, text.find(':') != std::string::npos);
  }
}

TEST(Network, Refuses_what_is_none) {
  for (const std::string_view text :
       {"", "/", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ", " 10.0.0.0/8",
        "10/8", "localhost", "10.0.0.0/8/8", "[::1]/128", "10.0.0.0/0x8", "fe80::1%eth0/64", "10.0.0.0/255.0.0.0"}) {
    EXPECT_FALSE(parse_network(text)) << text;
  }
  EXPECT_FALSE(parse_network(std::string_view("10.0.0.1\0.2/8", 13)));
}

}  // namespace
}  // namespace crier::config
