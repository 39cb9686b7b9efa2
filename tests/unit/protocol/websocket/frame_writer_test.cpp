#include "protocol/websocket/frame_writer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <string>

#include "protocol/websocket/frame_parser.hpp"
#include "protocol/websocket/mask.hpp"
#include "protocol/websocket/utf8.hpp"

namespace crier::websocket {
namespace {

constexpr std::size_t length_form_edges[] = {0, 1, 125, 126, 127, 65535, 65536};

std::string bytes(std::initializer_list<unsigned> values) {
  std::string text;
  for (const unsigned value : values) text += static_cast<char>(value);
  return text;
}

std::uint32_t example_mask() {
  const std::string key = bytes({0x37, 0xFA, 0x21, 0x3D});
  std::uint32_t mask = 0;
  std::memcpy(&mask, key.data(), sizeof mask);
  return mask;
}

TEST(FrameWriter, Writes_the_examples_of_RFC_6455_5_7) {
  std::string out;
  append_server_frame(out, Opcode::text, "Hello");
  EXPECT_EQ(out, bytes({0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F}));
  out.clear();
  append_client_frame(out, Opcode::text, "Hello", example_mask());
  EXPECT_EQ(out, bytes({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}));
  out.clear();
  append_server_frame(out, Opcode::ping, "Hello");
  EXPECT_EQ(out, bytes({0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F}));
  out.clear();
  append_server_frame(out, Opcode::binary, std::string(256, 'x'));
  EXPECT_EQ(out.substr(0, 4), bytes({0x82, 0x7E, 0x01, 0x00}));
  out.clear();
  append_server_frame(out, Opcode::binary, std::string(65536, 'x'));
  EXPECT_EQ(out.substr(0, 10), bytes({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}));
}

TEST(FrameWriter, Writes_a_fragment_without_FIN_and_compression_as_RSV1) {
  char head[frame_head_bytes_max];
  ASSERT_EQ(write_frame_head(head, {.opcode = Opcode::text, .fin = false, .payload_bytes = 3}), 2U);
  EXPECT_EQ(std::string(head, 2), bytes({0x01, 0x03}));
  std::string out;
  append_server_frame(out, Opcode::text, "", true);
  EXPECT_EQ(out, bytes({0xC1, 0x00}));
}

TEST(FrameWriter, Appends_behind_what_is_there_and_masks_only_its_own_payload) {
  std::string out = "before";
  append_client_frame(out, Opcode::binary, "abc", example_mask());
  EXPECT_EQ(out, "before" + bytes({0x82, 0x83, 0x37, 0xFA, 0x21, 0x3D, 'a' ^ 0x37, 'b' ^ 0xFA, 'c' ^ 0x21}));
}

TEST(FrameWriter, Is_read_back_by_the_parser_at_every_edge_of_the_length_forms) {
  for (const std::size_t size : length_form_edges) {
    const std::string payload(size, 'p');
    std::string server_wire;
    append_server_frame(server_wire, Opcode::binary, payload);
    EXPECT_EQ(server_wire.size(), server_head_bytes(size) + size);
    std::string_view input = server_wire;
    EXPECT_EQ(std::get<FrameHead>(FrameHeadParser(Role::client, false, 1 << 20).next(input)),
              (FrameHead{.opcode = Opcode::binary, .payload_bytes = size}));
    EXPECT_EQ(input, payload);

    std::string client_wire;
    append_client_frame(client_wire, Opcode::text, payload, example_mask());
    input = client_wire;
    EXPECT_EQ(std::get<FrameHead>(FrameHeadParser(Role::server, false, 1 << 20).next(input)),
              (FrameHead{.opcode = Opcode::text, .masked = true, .mask = example_mask(), .payload_bytes = size}));
    std::string unmasked(input);
    apply_mask(unmasked, example_mask());
    EXPECT_EQ(unmasked, payload);
  }
}

TEST(ClosePayload, Holds_the_code_in_network_order_and_the_reason) {
  EXPECT_EQ(close_payload(CloseCode::normal, "bye"), bytes({0x03, 0xE8, 'b', 'y', 'e'}));
  EXPECT_EQ(close_payload(CloseCode::slow_consumer, ""), bytes({0x0F, 0xA0}));
}

TEST(ClosePayload, Is_empty_without_a_status) {
  EXPECT_EQ(close_payload(CloseCode::no_status, "dropped with it"), "");
}

TEST(ClosePayload, Takes_123_bytes_of_reason_and_cuts_what_is_beyond) {
  EXPECT_EQ(close_payload(CloseCode::normal, std::string(123, 'r')).size(), 125U);
  EXPECT_EQ(close_payload(CloseCode::normal, std::string(124, 'r')), bytes({0x03, 0xE8}) + std::string(123, 'r'));
}

TEST(ClosePayload, Cuts_a_long_reason_between_characters_never_inside) {
  for (const std::string character : {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
    for (std::size_t before = 110; before < 130; ++before) {
      std::string reason(before, 'r');
      for (int i = 0; i < 10; ++i) reason += character;
      const std::string cut = close_payload(CloseCode::normal, reason).substr(2);
      EXPECT_TRUE(valid_utf8(cut)) << before;
      EXPECT_TRUE(reason.starts_with(cut));
      EXPECT_LE(cut.size(), close_reason_bytes_max);
      EXPECT_GT(cut.size() + character.size(), close_reason_bytes_max) << "more would have fitted";
    }
  }
}

TEST(ClosePayload, Of_every_fault_carries_the_whole_reason) {
  for (int error = 0; error <= static_cast<int>(FrameError::bad_deflate); ++error) {
    const FrameFault fault = describe(static_cast<FrameError>(error));
    EXPECT_EQ(close_payload(fault.code, fault.reason).substr(2), fault.reason);
    EXPECT_FALSE(fault.reason.empty());
  }
}

TEST(FrameWriterDeathTest, Refuses_to_write_what_no_peer_may_read) {
  std::string out;
  EXPECT_DEATH(append_server_frame(out, Opcode::ping, std::string(126, 'x')), "invariant broken");
  EXPECT_DEATH(append_server_frame(out, Opcode::close, "", true), "invariant broken");
  EXPECT_DEATH((void)close_payload(CloseCode::abnormal, ""), "invariant broken");
}

}  // namespace
}  // namespace crier::websocket
