#include "broker/net/gate.hpp"

#include <gtest/gtest.h>

#include "broker/net/admission.hpp"

namespace crier::net {
namespace {

config::Limits limits(std::size_t per_ip, std::size_t per_second) {
  config::Limits limits;
  limits.connections_per_ip_max = per_ip;
  limits.connects_per_second_max = per_second;
  return limits;
}

TEST(AddressKey, Is_an_ipv4_address_or_the_64_bits_of_an_ipv6_network) {
  EXPECT_EQ(address_key("192.0.2.7"), AddressKey{0xFFFF'FFFF'C000'0207});
  EXPECT_EQ(address_key("2001:db8:1:2::9"), AddressKey{0x2001'0db8'0001'0002});
  EXPECT_EQ(address_key("2001:db8:1:2:ffff::"), address_key("2001:db8:1:2::9"));
  EXPECT_NE(address_key("2001:db8:1:3::9"), address_key("2001:db8:1:2::9"));
  EXPECT_EQ(address_key("::1"), AddressKey{0});
}

TEST(AddressKey, Is_none_for_what_is_no_address) {
  for (const char* text : {"", "unix", "localhost", "192.0.2"}) EXPECT_EQ(address_key(text), AddressKey::none) << text;
}

TEST(Gate, Lets_so_many_of_an_address_in_and_one_more_when_one_has_left) {
  Gate gate(limits(2, 0));
  const AddressKey a = address_key("192.0.2.1");
  EXPECT_TRUE(gate.enter(a));
  EXPECT_TRUE(gate.enter(a));
  EXPECT_FALSE(gate.enter(a));
  EXPECT_FALSE(gate.enter(a)) << "a refusal is not counted";
  EXPECT_TRUE(gate.enter(address_key("192.0.2.2")));
  gate.leave(a);
  EXPECT_TRUE(gate.enter(a));
  EXPECT_FALSE(gate.enter(a));
}

TEST(Gate, Never_counts_who_has_no_address) {
  Gate gate(limits(1, 0));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(gate.enter(AddressKey::none));
  gate.leave(AddressKey::none);
}

TEST(Gate, Counts_those_that_came_before_a_reload_and_ends_none) {
  Gate gate(limits(0, 0));
  const AddressKey a = address_key("2001:db8::1");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(gate.enter(a));
  gate.configure(limits(2, 0));
  EXPECT_FALSE(gate.enter(a));
  gate.leave(a);
  EXPECT_FALSE(gate.enter(a));
  gate.leave(a);
  EXPECT_TRUE(gate.enter(a));
  gate.configure(limits(0, 0));
  EXPECT_TRUE(gate.enter(a));
}

TEST(Gate, Takes_the_connects_of_one_second_at_once_and_then_as_they_are_due) {
  Gate gate(limits(0, 5));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(gate.take_connect(1'000));
  EXPECT_FALSE(gate.take_connect(1'000));
  EXPECT_FALSE(gate.take_connect(1'199));
  EXPECT_TRUE(gate.take_connect(1'200));
  EXPECT_FALSE(gate.take_connect(1'200));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(gate.take_connect(10'000));
  EXPECT_FALSE(gate.take_connect(10'000)) << "what was not used for longer is not saved";
  gate.configure(limits(0, 0));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(gate.take_connect(10'000));
}

TEST(NoRoom, Is_answered_with_its_status_and_a_time_to_come_back) {
  for (const NoRoom why : {NoRoom::connections, NoRoom::connects_per_second}) {
    EXPECT_TRUE(answer_of(why).starts_with("HTTP/1.1 503 ")) << answer_of(why);
  }
  EXPECT_TRUE(answer_of(NoRoom::connections_per_ip).starts_with("HTTP/1.1 429 "));
  for (std::size_t at = 0; at < no_room_reasons; ++at) {
    const std::string answer = answer_of(static_cast<NoRoom>(at));
    EXPECT_NE(answer.find("\r\nRetry-After: "), std::string::npos) << answer;
    EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos) << answer;
  }
}

}  // namespace
}  // namespace crier::net
