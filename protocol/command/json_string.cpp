#include "protocol/command/json_string.hpp"

namespace crier::command {

namespace {

char* append_utf8(char* out, unsigned point) {
  if (point < 0x80) {
    *out++ = static_cast<char>(point);
    return out;
  }
  if (point < 0x800) {
    *out++ = static_cast<char>(0xC0 | point >> 6);
  } else if (point < 0x10000) {
    *out++ = static_cast<char>(0xE0 | point >> 12);
    *out++ = static_cast<char>(0x80 | (point >> 6 & 0x3F));
  } else {
    *out++ = static_cast<char>(0xF0 | point >> 18);
    *out++ = static_cast<char>(0x80 | (point >> 12 & 0x3F));
    *out++ = static_cast<char>(0x80 | (point >> 6 & 0x3F));
  }
  *out++ = static_cast<char>(0x80 | (point & 0x3F));
  return out;
}

}  // namespace

std::size_t decode_json_string(std::string_view inside, char* out) {
  char* const start = out;
  const char* p = inside.data();
  const char* const end = p + inside.size();
  while (p < end) {
    const char* const run = p;
    while (p < end && *p != '\\') ++p;
    std::memcpy(out, run, static_cast<std::size_t>(p - run));
    out += p - run;
    if (p == end) break;
    const char kind = p[1];
    p += 2;
    switch (kind) {
      case 'b': *out++ = '\b'; break;
      case 'f': *out++ = '\f'; break;
      case 'n': *out++ = '\n'; break;
      case 'r': *out++ = '\r'; break;
      case 't': *out++ = '\t'; break;
      case 'u': {
        unsigned point = json_code_unit(p);
        p += 4;
        if (is_high_surrogate(point)) {
          point = 0x10000 + ((point - 0xD800) << 10) + (json_code_unit(p + 2) - 0xDC00);
          p += 6;
        }
        out = append_utf8(out, point);
        break;
      }
      default: *out++ = kind; break;  // '"', '\' and '/' stand for themselves
    }
  }
  return static_cast<std::size_t>(out - start);
}

}  // namespace crier::command
