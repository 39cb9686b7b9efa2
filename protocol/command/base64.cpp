#include "protocol/command/base64.hpp"

#include <cstdint>

#include "protocol/base/check.hpp"

namespace crier::command {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr unsigned no_digit = 64;  // one bit of all values or-ed together tells

constexpr auto values = [] {
  std::array<unsigned char, 256> table{};
  table.fill(no_digit);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<unsigned char>(i);
  }
  return table;
}();

unsigned value_of(char digit) {
  return values[static_cast<unsigned char>(digit)];
}

std::size_t padding_of(std::string_view base64) {
  if (base64.ends_with("==")) return 2;
  return base64.ends_with('=') ? 1 : 0;
}

void put_group(char* out, unsigned group) {
  for (int shift = 18; shift >= 0; shift -= 6) *out++ = alphabet[group >> shift & 0x3F];
}

// The first `bytes` of a group's three.
void put_bytes(char* out, unsigned group, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>(group >> (16 - 8 * i) & 0xFF);
}

}  // namespace

bool is_base64(std::string_view text) {
  if (text.size() % 4 != 0) return false;
  const std::size_t padding = padding_of(text);
  text.remove_suffix(padding);
  unsigned seen = 0;
  for (const char c : text) seen |= value_of(c);
  if ((seen & no_digit) != 0) return false;
  if (padding == 0) return true;
  return (value_of(text.back()) & (padding == 2 ? 0x0FU : 0x03U)) == 0;
}

void Base64Encoder::append(std::string_view bytes) {
  const auto byte = [&bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  while (rest_bytes_ > 0 && !bytes.empty()) {
    rest_[rest_bytes_++] = byte(0);
    bytes.remove_prefix(1);
    if (rest_bytes_ == rest_.size()) finish();
  }
  const std::size_t groups = bytes.size() / 3;
  const std::size_t before = out_.size();
  out_.resize(before + groups * 4);
  char* to = out_.data() + before;
  for (std::size_t i = 0; i < groups * 3; i += 3, to += 4) {
    put_group(to, static_cast<unsigned>(byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2)));
  }
  for (std::size_t i = groups * 3; i < bytes.size(); ++i) rest_[rest_bytes_++] = byte(i);
}

void Base64Encoder::finish() {
  if (rest_bytes_ == 0) return;
  std::array<char, 4> digits{};
  for (std::size_t i = rest_bytes_; i < rest_.size(); ++i) rest_[i] = 0;
  put_group(digits.data(), static_cast<unsigned>(rest_[0] << 16 | rest_[1] << 8 | rest_[2]));
  for (std::size_t i = rest_bytes_ + 1; i < digits.size(); ++i) digits[i] = '=';
  out_.append(digits.data(), digits.size());
  rest_bytes_ = 0;
}

std::size_t base64_decoded_bytes(std::string_view base64) {
  CRIER_ASSERT(base64.size() % 4 == 0);
  return base64.size() / 4 * 3 - padding_of(base64);
}

void append_base64_decoded(std::string& out, std::string_view base64) {
  if (base64.empty()) return;
  const std::size_t padding = padding_of(base64);
  const std::size_t before = out.size();
  out.resize(before + base64_decoded_bytes(base64));
  char* to = out.data() + before;
  const char* from = base64.data();
  const char* const last = from + base64.size() - 4;
  unsigned seen = 0;
  for (; from < last; from += 4, to += 3) {
    const unsigned a = value_of(from[0]), b = value_of(from[1]), c = value_of(from[2]), d = value_of(from[3]);
    seen |= a | b | c | d;
    put_bytes(to, a << 18 | b << 12 | c << 6 | d, 3);
  }
  unsigned group = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const unsigned value = i < 4 - padding ? value_of(from[i]) : 0;
    seen |= value;
    group = group << 6 | value;
  }
  put_bytes(to, group, 3 - padding);
  CRIER_ASSERT((seen & no_digit) == 0);
}

}  // namespace crier::command
