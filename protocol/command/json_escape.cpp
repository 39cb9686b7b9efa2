#include "protocol/command/json_escape.hpp"

#include "protocol/command/json_string.hpp"

namespace crier::command {

namespace {

void append_escape(std::string& out, char c) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '\\';
  switch (c) {
    case '"':
    case '\\': out += c; return;
    case '\b': out += 'b'; return;
    case '\f': out += 'f'; return;
    case '\n': out += 'n'; return;
    case '\r': out += 'r'; return;
    case '\t': out += 't'; return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out += "u00";
  out += hex[byte >> 4];
  out += hex[byte & 0xF];
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  for (const char* p = begin; p < end;) {
    const char* const special = find_string_special(begin, p, end);
    out.append(p, static_cast<std::size_t>(special - p));
    if (special < end) append_escape(out, *special);
    p = special < end ? special + 1 : end;
  }
}

}  // namespace crier::command
