#include "protocol/websocket/mask.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

namespace crier::websocket {
namespace {

constexpr std::array<unsigned char, 4> key = {0x37, 0xFA, 0x21, 0x3D};

std::uint32_t key_word() {
  std::uint32_t word = 0;
  std::memcpy(&word, key.data(), sizeof word);
  return word;
}

std::string some_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 37 + 11);
  return bytes;
}

// RFC 6455 5.3, byte by byte.
std::string masked_plainly(std::string bytes, std::size_t offset) {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(bytes[i] ^ key[(offset + i) % 4]);
  return bytes;
}

TEST(Mask, Turns_the_example_of_RFC_6455_into_Hello) {
  std::string bytes = "\x7f\x9f\x4d\x51\x58";
  apply_mask(bytes, key_word());
  EXPECT_EQ(bytes, "Hello");
}

TEST(Mask, Equals_the_byte_loop_for_every_offset_length_and_alignment) {
  for (std::size_t length = 0; length <= 300; ++length) {
    for (std::size_t offset = 0; offset < 8; ++offset) {
      for (std::size_t alignment = 0; alignment < 16; alignment += 3) {
        std::string room = some_bytes(alignment + length + 16);
        const std::string before = room;
        apply_mask(std::span(room).subspan(alignment, length), key_word(), offset);
        const std::string expected = before.substr(0, alignment) +
                                     masked_plainly(before.substr(alignment, length), offset) +
                                     before.substr(alignment + length);
        ASSERT_EQ(room, expected) << "length " << length << " offset " << offset << " alignment " << alignment;
      }
    }
  }
}

TEST(Mask, In_two_pieces_equals_the_mask_in_one_wherever_the_cut_is) {
  const std::string plain = some_bytes(150);
  for (std::size_t cut = 0; cut <= plain.size(); ++cut) {
    std::string bytes = plain;
    apply_mask(std::span(bytes).first(cut), key_word());
    apply_mask(std::span(bytes).subspan(cut), key_word(), cut);
    ASSERT_EQ(bytes, masked_plainly(plain, 0)) << cut;
  }
}

TEST(Mask, With_a_key_of_zero_changes_nothing) {
  std::string bytes = some_bytes(99);
  apply_mask(bytes, 0, 3);
  EXPECT_EQ(bytes, some_bytes(99));
}

}  // namespace
}  // namespace crier::websocket
