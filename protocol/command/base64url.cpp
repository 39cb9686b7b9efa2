#include "protocol/command/base64url.hpp"

#include <array>
#include <cstdint>

#include "protocol/base/check.hpp"

namespace crier::command {

namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr auto values = [] {
  std::array<int, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    table[static_cast<unsigned char>(digits[i])] = static_cast<int>(i);
  }
  return table;
}();

}  // namespace

std::optional<std::string> decode_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : text) {
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    bytes += static_cast<char>(bits >> bit_count & 0xFF);
  }
  const std::uint32_t spare = bits & ((std::uint32_t{1} << bit_count) - 1);
  if (spare != 0) return std::nullopt;
  return bytes;
}

void append_base64url(std::string& out, std::string_view bytes) {
  const std::size_t before = out.size();
  out.resize(before + base64url_bytes(bytes.size()));
  char* at = out.data() + before;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (held += 8; held >= 6;) {
      held -= 6;
      *at++ = digits[bits >> held & 0x3F];
    }
  }
  if (held > 0) *at++ = digits[bits << (6 - held) & 0x3F];
  CRIER_ASSERT(at == out.data() + out.size());
}

std::string encode_base64url(std::string_view bytes) {
  std::string text;
  append_base64url(text, bytes);
  return text;
}

}  // namespace crier::command
