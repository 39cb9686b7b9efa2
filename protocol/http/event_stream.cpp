#include "protocol/http/event_stream.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "protocol/base/check.hpp"
#include "protocol/http/head_syntax.hpp"

namespace crier::http {

namespace {

constexpr bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  CRIER_ASSERT(is_token(name));
  CRIER_ASSERT(is_field_value(value));  // as in write_response: a line end would let a peer write headers
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

void append_event_stream_head(std::string& out, std::span<const Header> headers) {
  out.append("HTTP/1.1 200 OK\r\n");
  append_header(out, "Content-Type", event_stream_type);
  append_header(out, "Cache-Control", "no-cache, no-store");
  append_header(out, "X-Accel-Buffering", "no");  // nginx would collect events until they fill a buffer
  append_header(out, "X-Content-Type-Options", "nosniff");
  for (const Header& header : headers) append_header(out, header.name, header.value);
  append_header(out, "Connection", "close");
  out.append("\r\n");
}

void append_event(std::string& out, std::string_view event, std::string_view json) {
  CRIER_ASSERT(std::none_of(event.begin(), event.end(), is_line_end));
  out.append("event: ").append(event).append("\ndata: ");
  const auto data_at = static_cast<std::ptrdiff_t>(out.size());
  out.append(json);
  std::replace_if(out.begin() + data_at, out.end(), is_line_end, ' ');
  out.append("\n\n");
}

void append_comment(std::string& out) {
  out.append(": \n\n");
}

void append_retry(std::string& out, std::uint64_t delay_ms) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), delay_ms).ptr;
  out.append("retry: ").append(digits.data(), end).append("\n\n");
}

}  // namespace crier::http
