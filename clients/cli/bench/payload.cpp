#include "clients/cli/bench/payload.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "protocol/base/check.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr std::size_t word_digits = 16;
constexpr std::string_view marker_start = "@@";

static_assert(marker_bytes == marker_start.size() + 2 * word_digits);
static_assert(payload_bytes_min > marker_bytes);

constexpr std::string_view digits = "0123456789abcdef";

constexpr std::uint64_t in_every_byte(std::uint64_t value) {
  return value * 0x0101'0101'0101'0101U;
}

void write_word(char* out, std::uint64_t word) {
  for (std::size_t i = word_digits; i-- > 0; word >>= 4U) out[i] = digits[word & 15U];
}

// Eight digits at once, each in a byte of one word: this runs once a delivery, and digit by digit it would be a third
// of all that the client does for one. false where one is no digit.
bool read_eight(const char* text, std::uint64_t& value) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text, sizeof bytes);
  if constexpr (std::endian::native == std::endian::little) bytes = __builtin_bswap64(bytes);
  const std::uint64_t letters = (bytes >> 6U) & in_every_byte(1);  // 'a' is 0x61, '0' is 0x30
  const std::uint64_t nibbles = (bytes & in_every_byte(0x0F)) + 9 * letters;
  const std::uint64_t above_nine = ((nibbles + in_every_byte(6)) >> 4U) & in_every_byte(1);
  const bool valid = bytes == nibbles + in_every_byte('0') + ('a' - 10 - '0') * letters && above_nine == letters &&
                     (nibbles & in_every_byte(0xF0)) == 0;
  const std::uint64_t pairs = (nibbles | nibbles >> 4U) & 0x00FF'00FF'00FF'00FFU;
  const std::uint64_t fours = (pairs | pairs >> 8U) & 0x0000'FFFF'0000'FFFFU;
  value = (value << 32U) | ((fours | fours >> 16U) & 0xFFFF'FFFFU);
  return valid;
}

bool read_word(const char* text, std::uint64_t& word) {
  return read_eight(text, word) && read_eight(text + word_digits / 2, word);
}

// Compresses about as well as ordinary text.
std::string make_text(std::size_t bytes) {
  static constexpr std::array<std::string_view, 16> words = {"price",  "order",  "update", "the",  "market", "user",
                                                             "joined", "score",  "and",    "left", "typing", "room",
                                                             "sensor", "online", "status", "north"};
  std::string text(marker_bytes, '@');
  std::uint32_t chance = 7;
  while (text.size() < bytes) {
    chance = chance * 1'664'525U + 1'013'904'223U;
    text += words[chance >> 28U];
    text += ' ';
    if ((chance >> 20U & 3U) == 0) text += std::to_string(chance >> 12U & 0xFFFFU) + ' ';
  }
  text.resize(bytes);
  text.back() = payload_end;
  return text;
}

}  // namespace

void write_marker(char* out, const Marker& marker) {
  marker_start.copy(out, marker_start.size());
  write_word(out + 2, static_cast<std::uint64_t>(marker.time_ns) << 16U | marker.slot);
  write_word(out + 2 + word_digits,
             std::uint64_t{marker.sequence} << 32U | std::uint64_t{marker.channel} << 12U | marker.publisher);
}

std::optional<Marker> read_marker(std::string_view text) {
  if (text.size() < marker_bytes || !text.starts_with(marker_start)) return std::nullopt;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  if (!read_word(text.data() + 2, first) || !read_word(text.data() + 2 + word_digits, second)) return std::nullopt;
  Marker marker;
  marker.time_ns = static_cast<std::int64_t>(first >> 16U);
  marker.slot = static_cast<std::uint32_t>(first & (slots_max - 1));
  marker.sequence = static_cast<std::uint32_t>(second >> 32U);
  marker.channel = static_cast<std::uint32_t>(second >> 12U & (channels_max - 1));
  marker.publisher = static_cast<std::uint32_t>(second & (publishers_max - 1));
  return marker;
}

Payloads::Payloads(std::span<const std::size_t> sizes) {
  for (const std::size_t bytes : sizes) {
    CRIER_ASSERT(bytes >= payload_bytes_min);
    texts_.push_back(make_text(bytes));
  }
  CRIER_ASSERT(!texts_.empty());
}

}  // namespace crier::cli::benchmark
