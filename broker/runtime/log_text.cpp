#include "broker/runtime/log_text.hpp"

#include <cstdint>

namespace crier::runtime {

namespace {

// One character at the front of a text. `bytes` is what it takes there.
struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 1;
  bool valid = true;
};

constexpr Character invalid{0xFFFD, 1, false};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. What cannot be completed is one bad byte.
Character decode(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at])); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first};
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return invalid;
  std::uint32_t code = first & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return invalid;
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  const std::uint32_t least = bytes == 4 ? 0x10000 : bytes == 3 ? 0x800 : 0x80;
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < least || code > 0x10FFFF || surrogate) return invalid;
  return {code, bytes};
}

bool is_disturbing(std::uint32_t code) {
  if (code < 0x20 || (code >= 0x7F && code <= 0x9F)) return true;    // C0, DEL, C1
  if (code == 0xAD || code == 0x61C || code == 0x180E) return true;  // soft hyphen, Arabic and Mongolian marks
  if (code >= 0x200B && code <= 0x200F) return true;                 // no width, direction
  if (code >= 0x2028 && code <= 0x202E) return true;                 // separators, direction
  if (code >= 0x2060 && code <= 0x206F) return true;                 // invisible operators, isolates
  return code == 0xFEFF || code == 0xFFFD || (code >= 0xFFF9 && code <= 0xFFFB);
}

void append_escape(std::string& line, std::uint32_t code) {
  static constexpr std::string_view digits = "0123456789abcdef";
  line += "\\u";
  for (const unsigned shift : {12U, 8U, 4U, 0U}) line += digits[(code >> shift) & 15U];
}

void append_escaped(std::string& line, std::string_view text, std::size_t bytes_max, bool quoted) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Character next = decode(text.substr(at));
    if (at + next.bytes > bytes_max) break;
    if (!next.valid || is_disturbing(next.code)) {
      append_escape(line, next.code);
    } else {
      if (quoted && (next.code == '"' || next.code == '\\')) line += '\\';
      line.append(text, at, next.bytes);
    }
    at += next.bytes;
  }
  if (at < text.size()) line += "…";
}

}  // namespace

void append_quoted(std::string& line, std::string_view text, std::size_t bytes_max) {
  line += '"';
  append_escaped(line, text, bytes_max, /*quoted=*/true);
  line += '"';
}

void append_plain(std::string& line, std::string_view text, std::size_t bytes_max) {
  append_escaped(line, text, bytes_max, /*quoted=*/false);
}

}  // namespace crier::runtime
