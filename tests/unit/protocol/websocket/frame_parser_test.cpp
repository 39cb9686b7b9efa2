#include "protocol/websocket/frame_parser.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/support/every_cut.hpp"

namespace crier::websocket {
namespace {

using crier::testing::for_every_cut;

constexpr std::uint64_t no_limit = ~std::uint64_t{0};

std::string bytes(std::initializer_list<unsigned> values) {
  std::string text;
  for (const unsigned value : values) text += static_cast<char>(value);
  return text;
}

std::uint32_t mask_of(std::initializer_list<unsigned> values) {
  const std::string text = bytes(values);
  std::uint32_t mask = 0;
  std::memcpy(&mask, text.data(), sizeof mask);
  return mask;
}

FrameHeadParser server(std::uint64_t payload_bytes_max = no_limit, bool deflate = false) {
  return {Role::server, deflate, payload_bytes_max};
}
FrameHeadParser client(std::uint64_t payload_bytes_max = no_limit, bool deflate = false) {
  return {Role::client, deflate, payload_bytes_max};
}

// The head is read at the first byte that completes it, takes nothing before, and exactly itself then.
void expect_head(const FrameHeadParser& parser, const std::string& wire, const FrameHead& expected) {
  for_every_cut(wire, [&](std::string_view first, std::string_view) {
    std::string_view input = first;
    const FrameHeadStep step = parser.next(input);
    if (first.size() < wire.size()) {
      ASSERT_TRUE(std::holds_alternative<NeedMoreBytes>(step)) << first.size();
      const std::size_t needed = std::get<NeedMoreBytes>(step).bytes_min;
      EXPECT_GT(needed, first.size());
      EXPECT_LE(needed, wire.size());
      EXPECT_EQ(input.size(), first.size());
      return;
    }
    ASSERT_TRUE(std::holds_alternative<FrameHead>(step));
    EXPECT_EQ(std::get<FrameHead>(step), expected);
    EXPECT_TRUE(input.empty());
  });
  const std::string longer = wire + "payload";
  std::string_view input = longer;
  EXPECT_EQ(parser.next(input), FrameHeadStep(expected));
  EXPECT_EQ(input, "payload");
}

// `bytes_before` bytes pass, the byte after them condemns the head, and whatever follows changes nothing.
void expect_refused(const FrameHeadParser& parser, const std::string& wire, std::size_t bytes_before,
                    FrameError expected) {
  for_every_cut(wire, [&](std::string_view first, std::string_view) {
    std::string_view input = first;
    const FrameHeadStep step = parser.next(input);
    EXPECT_EQ(input.size(), first.size());
    if (first.size() <= bytes_before) {
      EXPECT_TRUE(std::holds_alternative<NeedMoreBytes>(step)) << first.size();
    } else {
      EXPECT_EQ(step, FrameHeadStep(expected)) << first.size();
    }
  });
}

TEST(FrameHeadParser, Reads_the_examples_of_RFC_6455_5_7_wherever_they_are_cut) {
  const std::uint32_t key = mask_of({0x37, 0xFA, 0x21, 0x3D});
  expect_head(client(), bytes({0x81, 0x05}), {.opcode = Opcode::text, .payload_bytes = 5});
  expect_head(server(), bytes({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D}),
              {.opcode = Opcode::text, .masked = true, .mask = key, .payload_bytes = 5});
  expect_head(client(), bytes({0x01, 0x03}), {.opcode = Opcode::text, .fin = false, .payload_bytes = 3});
  expect_head(client(), bytes({0x80, 0x02}), {.opcode = Opcode::continuation, .payload_bytes = 2});
  expect_head(client(), bytes({0x89, 0x05}), {.opcode = Opcode::ping, .payload_bytes = 5});
  expect_head(server(), bytes({0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D}),
              {.opcode = Opcode::pong, .masked = true, .mask = key, .payload_bytes = 5});
  expect_head(client(), bytes({0x82, 0x7E, 0x01, 0x00}), {.opcode = Opcode::binary, .payload_bytes = 256});
  expect_head(client(), bytes({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}),
              {.opcode = Opcode::binary, .payload_bytes = 65536});
}

TEST(FrameHeadParser, Reads_every_length_form_at_its_edges_in_both_roles) {
  struct Case {
    std::uint64_t payload_bytes;
    std::string length;  // the second byte without the mask bit, and the extension
  };
  const std::vector<Case> cases = {
      {0, bytes({0})},
      {1, bytes({1})},
      {125, bytes({125})},
      {126, bytes({126, 0, 126})},
      {127, bytes({126, 0, 127})},
      {65535, bytes({126, 0xFF, 0xFF})},
      {65536, bytes({127, 0, 0, 0, 0, 0, 1, 0, 0})},
      {0x7FFFFFFFFFFFFFFF, bytes({127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})},
  };
  for (const Case& c : cases) {
    expect_head(client(), bytes({0x82}) + c.length, {.opcode = Opcode::binary, .payload_bytes = c.payload_bytes});
    std::string masked = bytes({0x82}) + c.length + bytes({1, 2, 3, 4});
    masked[1] = static_cast<char>(masked[1] | '\x80');
    expect_head(
        server(), masked,
        {.opcode = Opcode::binary, .masked = true, .mask = mask_of({1, 2, 3, 4}), .payload_bytes = c.payload_bytes});
  }
}

TEST(FrameHeadParser, Names_the_whole_head_as_soon_as_the_second_byte_tells_its_size) {
  const auto bytes_min = [](const FrameHeadParser& parser, const std::string& wire) {
    std::string_view input = wire;
    return std::get<NeedMoreBytes>(parser.next(input)).bytes_min;
  };
  EXPECT_EQ(bytes_min(client(), ""), 2U);
  EXPECT_EQ(bytes_min(server(), bytes({0x81})), 6U);
  EXPECT_EQ(bytes_min(server(), bytes({0x81, 0xFE})), 8U);
  EXPECT_EQ(bytes_min(server(), bytes({0x81, 0xFF})), 14U);
  EXPECT_EQ(bytes_min(client(), bytes({0x81, 0x7F})), 10U);
}

TEST(FrameHeadParser, Decides_every_first_byte_by_itself) {
  for (unsigned first = 0; first < 256; ++first) {
    for (const bool deflate : {false, true}) {
      const unsigned opcode = first & 0x0F;
      const bool fin = (first & 0x80) != 0;
      const bool rsv1 = (first & 0x40) != 0;
      FrameHeadStep expected = NeedMoreBytes{6};
      if ((first & 0x30) != 0 || (rsv1 && !deflate)) {
        expected = FrameError::reserved_bits;
      } else if ((opcode >= 3 && opcode <= 7) || opcode >= 11) {
        expected = FrameError::unknown_opcode;
      } else if (rsv1 && (opcode == 0 || opcode >= 8)) {
        expected = FrameError::compressed_control;
      } else if (!fin && opcode >= 8) {
        expected = FrameError::control_fragmented;
      }
      const std::string wire = bytes({first});
      std::string_view input = wire;
      EXPECT_EQ(server(no_limit, deflate).next(input), expected) << first << ' ' << deflate;
    }
  }
}

TEST(FrameHeadParser, Tells_RSV1_of_a_data_frame_where_deflate_was_negotiated) {
  expect_head(client(no_limit, true), bytes({0xC1, 0x07}),
              {.opcode = Opcode::text, .compressed = true, .payload_bytes = 7});
  expect_head(client(no_limit, true), bytes({0x42, 0x07}),
              {.opcode = Opcode::binary, .fin = false, .compressed = true, .payload_bytes = 7});
}

TEST(FrameHeadParser, Wants_masks_from_clients_and_forbids_them_to_servers) {
  expect_refused(server(), bytes({0x81, 0x05, 'H', 'e', 'l', 'l', 'o'}), 1, FrameError::unmasked);
  expect_refused(client(), bytes({0x81, 0x85, 1, 2, 3, 4}), 1, FrameError::masked);
}

TEST(FrameHeadParser, Refuses_a_long_control_frame_at_its_second_byte) {
  for (const unsigned first : {0x88U, 0x89U, 0x8AU}) {
    expect_refused(server(), bytes({first, 0xFE, 0, 126, 1, 2, 3, 4}), 1, FrameError::control_too_long);
    expect_refused(server(), bytes({first, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}), 1, FrameError::control_too_long);
  }
}

TEST(FrameHeadParser, Refuses_lengths_that_are_not_minimal_at_the_byte_that_shows_it) {
  expect_refused(client(), bytes({0x82, 126, 0, 125}), 3, FrameError::length_not_minimal);
  expect_refused(client(), bytes({0x82, 126, 0, 0}), 3, FrameError::length_not_minimal);
  expect_refused(client(), bytes({0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}), 7, FrameError::length_not_minimal);
  expect_refused(client(), bytes({0x82, 127, 0, 0, 0, 0, 0, 0, 0, 5}), 7, FrameError::length_not_minimal);
  // The same under a limit that the length would break too.
  expect_refused(client(100), bytes({0x82, 126, 0, 110}), 3, FrameError::length_not_minimal);
  expect_refused(client(100), bytes({0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}), 7, FrameError::length_not_minimal);
}

TEST(FrameHeadParser, Refuses_the_top_bit_of_a_64_bit_length_at_its_byte) {
  expect_refused(client(), bytes({0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}), 2, FrameError::length_top_bit);
  expect_refused(client(10), bytes({0x82, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}), 2,
                 FrameError::length_top_bit);
}

TEST(FrameHeadParser, Refuses_a_payload_over_the_limit_before_the_mask_has_come) {
  expect_refused(server(10), bytes({0x82, 0x80 | 11, 1, 2, 3, 4}), 1, FrameError::too_big);
  expect_refused(server(1000), bytes({0x82, 0xFE, 0x03, 0xE9, 1, 2, 3, 4}), 3, FrameError::too_big);
  expect_refused(server(1000), bytes({0x82, 0xFE, 0x04, 0, 1, 2, 3, 4}), 2, FrameError::too_big);
  expect_refused(server(1000), bytes({0x82, 0xFF, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}), 2, FrameError::too_big);
  expect_refused(server(1000), bytes({0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4}), 7, FrameError::too_big);
  expect_head(client(10), bytes({0x82, 10}), {.opcode = Opcode::binary, .payload_bytes = 10});
  expect_head(client(1000), bytes({0x82, 126, 0x03, 0xE8}), {.opcode = Opcode::binary, .payload_bytes = 1000});
}

TEST(FrameHeadParser, Measures_control_frames_by_their_own_limit_only) {
  expect_head(client(0), bytes({0x89, 125}), {.opcode = Opcode::ping, .payload_bytes = 125});
}

}  // namespace
}  // namespace crier::websocket
