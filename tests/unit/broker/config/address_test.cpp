#include "broker/config/address.hpp"

#include <gtest/gtest.h>

#include <string_view>

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
                                      "unix:/run/crier.sock"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
  EXPECT_FALSE(parse_address(std::string_view("127.0.0.1\0.example.com:80", 25)));
}

}  // namespace
}  // namespace crier::config
