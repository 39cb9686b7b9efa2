// The inside of JSON strings: finding what ends a plain run, and undoing escapes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace crier::command {

// Writes the text of a scanned string (what stands between its quotes) to `out`, which has room for
// inside.size() bytes, and returns its size. Decoding never makes a string longer.
std::size_t decode_json_string(std::string_view inside, char* out);

[[nodiscard]] constexpr bool is_high_surrogate(unsigned unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}
[[nodiscard]] constexpr bool is_low_surrogate(unsigned unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

// -1 for what is no hexadecimal digit.
[[nodiscard]] constexpr int json_hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The UTF-16 code unit that four hexadecimal digits at `p` name.
[[nodiscard]] constexpr unsigned json_code_unit(const char* p) {
  unsigned unit = 0;
  for (int i = 0; i < 4; ++i) unit = unit << 4 | static_cast<unsigned>(json_hex_value(p[i]));
  return unit;
}

// '"', '\' and control characters below 0x20 end a run of plain characters.
[[nodiscard]] constexpr bool is_string_special(char c) {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

// The first special byte in [p, end), or `end`. In the header, like the next: every key and every payload
// goes through them, and a call would cost as much as their work on a short string.
[[nodiscard]] inline const char* find_string_special_portable(const char* p, const char* end) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t highs = 0x8080808080808080;
  // The usual zero-byte trick; it may err upwards behind a hit, but never misses one.
  const auto has_zero = [](std::uint64_t word) { return (word - ones) & ~word & highs; };
  for (; end - p >= 8; p += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, sizeof word);
    const std::uint64_t control = (word - ones * 0x20) & ~word & highs;
    if ((control | has_zero(word ^ ones * '"') | has_zero(word ^ ones * '\\')) != 0) break;
  }
  while (p < end && !is_string_special(*p)) ++p;
  return p;
}

#if defined(__SSE2__)
// A bit for each of the 16 bytes that ends a plain run.
inline unsigned string_special_mask(const char* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i quote_bytes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote_bytes, backslash), control)));
}
#endif

// The same; `begin` <= p is where readable memory starts.
[[nodiscard]] inline const char* find_string_special([[maybe_unused]] const char* begin, const char* p,
                                                     const char* end) {
#if defined(__SSE2__)
  for (; end - p >= 16; p += 16) {
    if (const unsigned mask = string_special_mask(p); mask != 0) return p + std::countr_zero(mask);
  }
  // The rest is shorter than a register: read the text's last 16 bytes and drop those before p, rather
  // than read behind the end.
  if (p < end && end - begin >= 16) {
    const auto before = static_cast<unsigned>(16 - (end - p));
    const unsigned mask = string_special_mask(end - 16) >> before;
    return mask != 0 ? p + std::countr_zero(mask) : end;
  }
#endif
  return find_string_special_portable(p, end);
}

}  // namespace crier::command
