// A second opinion on UTF-8, by arithmetic on code points instead of by states: slow and easy to check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace crier::testing {

enum class Utf8Verdict { whole, unfinished, broken };

namespace reference_utf8_detail {

// Is there a scalar value of RFC 3629 between the two (inclusive) that takes `bytes` bytes?
inline bool any_scalar_value(std::uint32_t first, std::uint32_t last, std::size_t bytes) {
  constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  constexpr std::uint32_t largest[] = {0, 0x7F, 0x7FF, 0xFFFF, 0x10FFFF};
  if (first < smallest[bytes]) first = smallest[bytes];
  if (last > largest[bytes]) last = largest[bytes];
  if (first > last) return false;
  return !(first >= 0xD800 && last <= 0xDFFF);  // no range here begins inside the surrogates and ends behind
}

}  // namespace reference_utf8_detail

// unfinished: more bytes could make it whole.
inline Utf8Verdict judge_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<std::uint32_t>(static_cast<unsigned char>(text[at++]));
    if (lead < 0x80) continue;
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC0 || lead >= 0xF8) return Utf8Verdict::broken;
    std::uint32_t first = lead & (0x7FU >> bytes);
    std::uint32_t last = first;
    // The values that are still possible when `rest` bytes are to come.
    for (std::size_t rest = bytes - 1;; --rest) {
      const unsigned shift = static_cast<unsigned>(6 * rest);
      if (!reference_utf8_detail::any_scalar_value(first << shift, ((last + 1) << shift) - 1, bytes)) {
        return Utf8Verdict::broken;
      }
      if (rest == 0) break;
      if (at == text.size()) return Utf8Verdict::unfinished;
      const auto next = static_cast<std::uint32_t>(static_cast<unsigned char>(text[at++]));
      if ((next & 0xC0U) != 0x80U) return Utf8Verdict::broken;
      first = last = (first << 6) | (next & 0x3FU);
    }
  }
  return Utf8Verdict::whole;
}

}  // namespace crier::testing
