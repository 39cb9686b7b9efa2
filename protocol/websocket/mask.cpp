#include "protocol/websocket/mask.hpp"

#include <bit>
#include <cstring>

namespace crier::websocket {

namespace {

// One SSE2 (or NEON) register; where there is none the compiler takes two words. Written out, because at
// -O2 the loop over bytes is not vectorised.
using Block = std::uint64_t __attribute__((vector_size(16)));

template <class Word>
void xor_word(char* at, const Word& key) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof word);
  word ^= key;
  std::memcpy(at, &word, sizeof word);
}

// The key as it applies from payload position `offset` on.
std::uint32_t turned(std::uint32_t mask, std::size_t offset) noexcept {
  const int bits = static_cast<int>(offset % 4) * 8;
  return std::endian::native == std::endian::little ? std::rotr(mask, bits) : std::rotl(mask, bits);
}

}  // namespace

void apply_mask(std::span<char> bytes, std::uint32_t mask, std::size_t offset) noexcept {
  if (mask == 0) return;
  const std::uint32_t key = turned(mask, offset);
  const std::uint64_t key_twice = (std::uint64_t{key} << 32) | key;
  const Block key_block = {key_twice, key_twice};

  char* at = bytes.data();
  std::size_t left = bytes.size();
  // Every step but the last is a multiple of four bytes long, so the key never turns again.
  for (; left >= 4 * sizeof(Block); left -= 4 * sizeof(Block), at += 4 * sizeof(Block)) {
    xor_word(at, key_block);  // written out four times: -O2 does not unroll
    xor_word(at + sizeof(Block), key_block);
    xor_word(at + 2 * sizeof(Block), key_block);
    xor_word(at + 3 * sizeof(Block), key_block);
  }
  for (; left >= sizeof(Block); left -= sizeof(Block), at += sizeof(Block)) xor_word(at, key_block);
  if (left >= sizeof key_twice) {
    xor_word(at, key_twice);
    at += sizeof key_twice;
    left -= sizeof key_twice;
  }
  if (left >= sizeof key) {
    xor_word(at, key);
    at += sizeof key;
    left -= sizeof key;
  }
  char last[sizeof key];
  std::memcpy(last, &key, sizeof key);
  for (std::size_t i = 0; i < left; ++i) at[i] = static_cast<char>(at[i] ^ last[i]);
}

}  // namespace crier::websocket
