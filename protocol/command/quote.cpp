#include "protocol/command/quote.hpp"

namespace crier::command {

namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7F;
}

bool is_continuation(unsigned char c) {
  return (c & 0xC0) == 0x80;
}

void append_hex(std::string& out, unsigned char c) {
  out += hex_digits[c >> 4];
  out += hex_digits[c & 0xF];
}

}  // namespace

std::string describe_byte(char byte) {
  const auto c = static_cast<unsigned char>(byte);
  if (c == ' ') return "a space";
  if (c >= 0x80) return "a non-ASCII character";
  if (!is_control(c)) return {'\'', byte, '\''};
  std::string text = "a control character (0x";
  append_hex(text, c);
  text += ')';
  return text;
}

std::string quote(std::string_view text) {
  const bool cut = text.size() > quote_bytes_max;
  if (cut) {
    std::size_t end = quote_bytes_max;
    while (end > 0 && is_continuation(static_cast<unsigned char>(text[end]))) --end;
    text = text.substr(0, end);
  }
  std::string out = "'";
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, in UTF-8 C2 80 to C2 9F: terminals obey them like the C0 controls.
    const bool c1 = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1) c = static_cast<unsigned char>(text[++i]);
    if (c1 || is_control(c)) {
      out += "\\u00";
      append_hex(out, c);
    } else {
      out += static_cast<char>(c);
    }
  }
  out += cut ? "…'" : "'";
  return out;
}

}  // namespace crier::command
