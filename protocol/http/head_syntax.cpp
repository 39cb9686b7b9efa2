#include "protocol/http/head_syntax.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

namespace crier::http {

namespace {

using ByteSet = std::array<bool, 256>;

constexpr ByteSet alphanumeric_and(std::string_view others) {
  ByteSet set{};
  for (char c = '0'; c <= '9'; ++c) set[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) set[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) set[static_cast<unsigned char>(c)] = true;
  for (const char c : others) set[static_cast<unsigned char>(c)] = true;
  return set;
}

constexpr ByteSet token_bytes = alphanumeric_and("!#$%&'*+-.^_`|~");

// RFC 3986 3.2.2 without the comma: "Host: a,b" is what a joined pair of Host headers looks like.
constexpr ByteSet host_bytes = alphanumeric_and("-._~%!$&'()*+;=:[]");

bool all_in(const ByteSet& set, std::string_view text) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return set[static_cast<unsigned char>(c)]; });
}

bool is_blank(char byte) {
  return byte == ' ' || byte == '\t';
}

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

RequestFault make_fault(FaultKind kind, std::string detail) {
  return {kind.status, kind.reason, std::move(detail)};
}

// Browsers leave some characters in a query that RFC 3986 wants escaped ('|', '{', '^'), so all of visible
// ASCII passes; '#' does not, as a fragment is never sent.
bool is_target_byte(char byte) {
  return byte > ' ' && byte < '\x7f' && byte != '#';
}

// A header's name for a sentence; it is a token, so it needs no escaping.
std::string quoted(std::string_view name) {
  constexpr std::size_t shown_bytes_max = 64;
  std::string text{"\""};
  text.append(name.substr(0, shown_bytes_max));
  text.append(name.size() > shown_bytes_max ? "…\"" : "\"");
  return text;
}

// Base 10 or 16. The caller has checked the digits; a number that does not fit becomes the largest.
std::uint64_t to_number(std::string_view digits, std::uint64_t base) {
  constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t number = 0;
  for (const char c : digits) {
    const char lower = static_cast<char>(c | 0x20);
    const auto digit = static_cast<std::uint64_t>(is_digit(c) ? c - '0' : lower - 'a' + 10);
    if (number > (largest - digit) / base) return largest;
    number = number * base + digit;
  }
  return number;
}

std::size_t count_hex_digits(std::string_view text) {
  const auto end = std::find_if_not(
      text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
  return static_cast<std::size_t>(end - text.begin());
}

// "" when the target is one we take.
std::string_view target_flaw(std::string_view method, std::string_view target) {
  if (target.empty()) return "The request line has no target, or two spaces in a row.";
  if (target.find('#') != std::string_view::npos) return "The target has a fragment ('#'), which is never sent.";
  if (!std::all_of(target.begin(), target.end(), is_target_byte)) {
    return "The target has a character that must be percent-encoded.";
  }
  if (target.front() == '/' || (target == "*" && method == "OPTIONS")) return {};
  if (target.find("://") != std::string_view::npos) {
    return "The target is an absolute URL, which is for proxies: send the path, and the host in Host.";
  }
  return "The target must be a path that begins with '/'.";
}

}  // namespace

bool is_token_byte(char byte) {
  return token_bytes[static_cast<unsigned char>(byte)];
}

bool is_token(std::string_view text) {
  return !text.empty() && all_in(token_bytes, text);
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
  });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

Result<RequestLine, RequestFault> parse_request_line(std::string_view line) {
  const auto after_method = line.find(' ');
  const std::string_view method = line.substr(0, after_method);
  if (!is_token(method)) return make_fault(fault::bad_request_line, "The method is no token.");
  if (after_method == std::string_view::npos) {
    return make_fault(fault::bad_request_line, "The request line has only one word.");
  }
  line.remove_prefix(after_method + 1);

  const auto after_target = line.find(' ');
  if (after_target == std::string_view::npos) {
    return make_fault(fault::bad_request_line, "The request line has no HTTP version.");
  }
  const std::string_view target = line.substr(0, after_target);
  const std::string_view version = line.substr(after_target + 1);

  // The version comes before the target: HTTP/2's preface ("PRI * HTTP/2.0") shall be told the real reason.
  constexpr std::string_view prefix = "HTTP/";
  const bool well_formed = version.size() == prefix.size() + 3 && version.substr(0, prefix.size()) == prefix &&
                           is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
  if (!well_formed) return make_fault(fault::bad_request_line, "The request line does not end in an HTTP version.");
  if (version[5] != '1' || version[7] > '1') {
    return make_fault(fault::unsupported_version, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
  }
  if (const auto flaw = target_flaw(method, target); !flaw.empty()) {
    return make_fault(fault::bad_request_line, std::string(flaw));
  }
  return RequestLine{method, target, version[7] - '0'};
}

Result<FieldLine, RequestFault> parse_field_line(std::string_view line) {
  CRIER_ASSERT(!line.empty());
  if (is_blank(line.front())) {
    return make_fault(fault::smuggling, "A header line begins with white space (obs-fold, RFC 9112 5.2).");
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return make_fault(fault::bad_header, "A header line has no colon.");
  const std::string_view name = line.substr(0, colon);
  if (name.empty()) return make_fault(fault::bad_header, "A header has no name.");
  if (is_blank(name.back())) {
    return make_fault(fault::smuggling, "A header has white space before its colon (RFC 9112 5.1).");
  }
  if (!is_token(name)) return make_fault(fault::bad_header, "A header's name has a character that is not allowed.");

  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_field_value(value)) {
    return make_fault(fault::bad_header, "The value of the header " + quoted(name) + " has a control character.");
  }
  return FieldLine{name, value};
}

Result<std::uint64_t, RequestFault> parse_content_length(std::string_view value) {
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) {
    return make_fault(fault::smuggling, "Content-Length must be one number, digits only.");
  }
  return to_number(value, 10);
}

Result<ChunkLine, RequestFault> parse_chunk_line(std::string_view line) {
  const std::size_t digits = count_hex_digits(line);
  if (digits == 0) return make_fault(fault::bad_chunk, "A chunk does not begin with its size in hexadecimal.");
  const std::string_view extension = line.substr(digits);
  // The grammar inside an extension does not matter to us: the line's end is the same however it is read.
  if (!extension.empty() && (!trim(extension).starts_with(';') || !is_field_value(extension))) {
    return make_fault(fault::bad_chunk, "A chunk's size is followed by something that is no chunk extension.");
  }
  return ChunkLine{to_number(line.substr(0, digits), 16), extension};
}

bool is_host(std::string_view value) {
  return all_in(host_bytes, value);
}

}  // namespace crier::http
