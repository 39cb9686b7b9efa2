// The grammar of single lines of a request (RFC 9112 and RFC 9110): pure functions over a line whose
// CRLF is already gone. Every view in a result points into the line.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/base/result.hpp"
#include "protocol/http/request_fault.hpp"

namespace crier::http {

// RFC 9110 5.6.2: at least one tchar and nothing else.
[[nodiscard]] bool is_token_byte(char byte);
[[nodiscard]] bool is_token(std::string_view text);
// RFC 9110 5.5: visible ASCII, space, tab and obs-text; so neither CR, LF nor NUL.
[[nodiscard]] bool is_field_value(std::string_view text);
// Without the spaces and tabs around it (OWS).
[[nodiscard]] std::string_view trim(std::string_view text);

struct RequestLine {
  std::string_view method;
  std::string_view target;  // origin-form, or "*" with OPTIONS
  int minor_version = 1;
};
[[nodiscard]] Result<RequestLine, RequestFault> parse_request_line(std::string_view line);

struct FieldLine {
  std::string_view name;
  std::string_view value;
};
// A header or a trailer; the line is not empty.
[[nodiscard]] Result<FieldLine, RequestFault> parse_field_line(std::string_view line);

// Digits only. A number beyond 64 bit becomes the largest one: it is a number, and over every limit.
[[nodiscard]] Result<std::uint64_t, RequestFault> parse_content_length(std::string_view value);

struct ChunkLine {
  std::uint64_t bytes = 0;     // the largest number where the size is beyond 64 bit
  std::string_view extension;  // from its white space or ';' on; its meaning is ignored
};
[[nodiscard]] Result<ChunkLine, RequestFault> parse_chunk_line(std::string_view line);

// Can that be a Host at all: the characters of an authority, and no list? (Empty is allowed by RFC 9110
// 7.2. Whether it is one of our names is the caller's policy.)
[[nodiscard]] bool is_host(std::string_view value);

}  // namespace crier::http
