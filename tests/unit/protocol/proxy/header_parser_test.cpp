#include "protocol/proxy/header_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "tests/support/every_cut.hpp"

namespace crier::proxy {
namespace {

constexpr char proxy_command = '\x21';
constexpr char local_command = '\x20';
const std::string v4_block("\xC0\x00\x02\x07\x0A\x00\x00\x01\xC3\x50\x1F\x48", 12);  // 192.0.2.7:50000 to 10.0.0.1:8008

std::string v6_block() {
  std::string block("\x20\x01\x0D\xB8", 4);
  block.resize(15);
  block += '\x09';
  block.resize(36, '\x01');
  return block;
}

std::string wire(char command, char family, const std::string& rest) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += command;
  header += family;
  header += static_cast<char>(rest.size() >> 8);
  header += static_cast<char>(rest.size() & 0xFF);
  return header + rest;
}

std::string tlv(char type, const std::string& value) {
  std::string bytes(1, type);
  bytes += static_cast<char>(value.size() >> 8);
  bytes += static_cast<char>(value.size() & 0xFF);
  return bytes + value;
}

Header parsed(const std::string& bytes) {
  const ParseStep step = parse_header(bytes);
  const Header* const header = std::get_if<Header>(&step);
  EXPECT_NE(header, nullptr);
  return header == nullptr ? Header{} : *header;
}

Fault fault_of(const std::string& bytes) {
  const ParseStep step = parse_header(bytes);
  const Fault* const fault = std::get_if<Fault>(&step);
  EXPECT_NE(fault, nullptr);
  return fault == nullptr ? Fault::missing : *fault;
}

TEST(ProxyHeader, Tells_the_source_of_a_tcp4_connection_and_where_the_header_ends) {
  const std::string header = wire(proxy_command, '\x11', v4_block);
  const Header got = parsed(header + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(got.bytes, header.size());
  EXPECT_FALSE(got.local);
  EXPECT_EQ(got.source, (Source{Family::v4, {192, 0, 2, 7}}));
}

TEST(ProxyHeader, Tells_the_source_of_a_tcp6_connection) {
  const Header got = parsed(wire(proxy_command, '\x21', v6_block()));
  EXPECT_EQ(got.source, (Source{Family::v6, {0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}}));
}

TEST(ProxyHeader, Tells_of_a_unix_socket_that_there_is_no_address) {
  const Header got = parsed(wire(proxy_command, '\x31', std::string(216, 'p')));
  EXPECT_EQ(got.source, Source{Family::unix_socket});
}

TEST(ProxyHeader, Knows_no_source_of_a_local_connection_whatever_else_it_says) {
  for (const std::string& rest : {std::string(), v4_block, std::string(300, '\xFF')}) {
    for (const char family : {'\x00', '\x11', '\x7F'}) {
      const Header got = parsed(wire(local_command, family, rest));
      EXPECT_TRUE(got.local);
      EXPECT_EQ(got.source, Source{});
      EXPECT_EQ(got.bytes, head_bytes + rest.size());
    }
  }
}

TEST(ProxyHeader, Knows_no_source_of_an_unspecified_family_and_skips_what_follows) {
  const Header got = parsed(wire(proxy_command, '\x00', "anything at all"));
  EXPECT_FALSE(got.local);
  EXPECT_EQ(got.source, Source{});
}

TEST(ProxyHeader, Skips_fields_behind_the_addresses) {
  const std::string fields = tlv('\x02', "news.example") + tlv('\x04', "") + tlv('\xE1', std::string(300, 'x'));
  EXPECT_EQ(parsed(wire(proxy_command, '\x11', v4_block + fields)).source.family, Family::v4);
}

TEST(ProxyHeader, Asks_for_more_wherever_the_read_is_cut) {
  const std::string header = wire(proxy_command, '\x21', v6_block() + tlv('\x05', "id"));
  testing::for_every_cut(header, [&](std::string_view first, std::string_view) {
    const ParseStep step = parse_header(first);
    if (first.size() == header.size()) {
      EXPECT_TRUE(std::holds_alternative<Header>(step));
      return;
    }
    const NeedMore* const more = std::get_if<NeedMore>(&step);
    ASSERT_NE(more, nullptr) << first.size();
    EXPECT_EQ(more->bytes_min, first.size() < head_bytes ? head_bytes : header.size());
  });
}

TEST(ProxyHeader, Refuses_the_clients_own_bytes_at_the_first_one_that_differs) {
  EXPECT_EQ(fault_of("G"), Fault::missing);
  EXPECT_EQ(fault_of("\x16\x03\x01"), Fault::missing);
  EXPECT_EQ(fault_of("\r\n\r\nGET / HTTP/1.1\r\n"), Fault::missing);
  EXPECT_EQ(fault_of("PRI * HTTP/2.0\r\n"), Fault::missing);
}

TEST(ProxyHeader, Refuses_version_1_by_its_name) {
  EXPECT_EQ(fault_of("PROXY TCP4 192.0.2.7 10.0.0.1 50000 8008\r\n"), Fault::version_1);
  EXPECT_TRUE(std::holds_alternative<NeedMore>(parse_header("PRO")));
}

TEST(ProxyHeader, Refuses_what_is_malformed) {
  EXPECT_EQ(fault_of(wire('\x11', '\x11', v4_block)), Fault::version);
  EXPECT_EQ(fault_of(wire('\x22', '\x11', v4_block)), Fault::command);
  for (const char family : {'\x12', '\x22', '\x32', '\x10', '\x01', '\x41'}) {
    EXPECT_EQ(fault_of(wire(proxy_command, family, std::string(216, '\0'))), Fault::family);
  }
  EXPECT_EQ(fault_of(wire(proxy_command, '\x11', v4_block.substr(1))), Fault::too_short);
  EXPECT_EQ(fault_of(wire(proxy_command, '\x21', v4_block)), Fault::too_short);
  EXPECT_EQ(fault_of(wire(proxy_command, '\x31', std::string(215, '\0'))), Fault::too_short);
  EXPECT_EQ(fault_of(wire(proxy_command, '\x11', v4_block + "\x05")), Fault::tlv);
  EXPECT_EQ(fault_of(wire(proxy_command, '\x11', v4_block + std::string("\x05\0\x02x", 4))), Fault::tlv);
}

TEST(ProxyHeader, Refuses_a_length_over_its_bound_before_the_rest_is_there) {
  const std::string long_header = wire(proxy_command, '\x11', std::string(header_bytes_max - head_bytes + 1, '\0'));
  EXPECT_EQ(fault_of(long_header.substr(0, head_bytes)), Fault::too_long);
  const std::string longest = wire(local_command, '\x00', std::string(header_bytes_max - head_bytes, '\0'));
  EXPECT_EQ(parsed(longest).bytes, header_bytes_max);
}

// The value is what an independent implementation gives for this header.
TEST(ProxyHeader, Believes_a_checksum_only_if_it_is_right) {
  const std::string right = tlv('\x03', std::string("\x35\xAB\xD7\xA7", 4));
  const std::string header = wire(proxy_command, '\x11', v4_block + right + tlv('\x04', "pad"));
  EXPECT_EQ(parsed(header).source.family, Family::v4);
  for (std::size_t at = head_bytes; at < header.size(); ++at) {
    if (at == head_bytes + v4_block.size()) continue;  // the field's type: then there is no checksum
    std::string changed = header;
    changed[at] = static_cast<char>(changed[at] ^ 0x01);
    EXPECT_TRUE(std::holds_alternative<Fault>(parse_header(changed))) << at;
  }
  EXPECT_EQ(fault_of(wire(proxy_command, '\x11', v4_block + tlv('\x03', "abc"))), Fault::tlv);
}

TEST(ProxyHeader, Has_a_sentence_for_every_fault) {
  for (int fault = 0; fault <= static_cast<int>(Fault::checksum); ++fault) {
    EXPECT_FALSE(describe(static_cast<Fault>(fault)).empty());
  }
}

}  // namespace
}  // namespace crier::proxy
