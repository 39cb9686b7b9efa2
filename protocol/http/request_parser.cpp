#include "protocol/http/request_parser.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/check.hpp"
#include "protocol/http/head_syntax.hpp"

namespace crier::http {

namespace {

// RFC 9112 2.2 asks for one at least: some old clients end a body with a CRLF that its length does not count.
constexpr std::uint8_t leading_empty_lines_max = 2;

constexpr std::size_t chunk_line_bytes_max = 256;  // size, extensions and CRLF

// What a parser between two requests may keep, so that a busy connection need not allocate for each.
constexpr std::size_t kept_bytes_max = 1024;
constexpr std::size_t kept_headers_max = kept_bytes_max / sizeof(Header);

// By swap: libstdc++ keeps the old memory when an empty string is assigned.
void release(std::string& text) {
  std::string().swap(text);
}

void clear(std::string& text) {
  text.clear();
  if (text.capacity() > kept_bytes_max) release(text);
}

// "" when the line ends in CRLF and has no other CR.
std::string_view line_end_flaw(std::string_view line) {
  if (line.size() < 2 || line[line.size() - 2] != '\r') return "A line ends in LF without CR.";
  if (line.find('\r') != line.size() - 2) return "A line has a CR that is not followed by LF.";
  return {};
}

}  // namespace

ParseStep RequestParser::next(std::string_view& input) {
  CRIER_ASSERT(state_ != State::complete);  // reset() comes first
  while (true) {
    switch (advance(input)) {
      case Progress::proceed: continue;
      case Progress::need_more: return NeedMore{};
      case Progress::head_complete: return HeadComplete{};
      case Progress::request_complete: return RequestComplete{};
      case Progress::fault: return fault_;
    }
  }
}

std::string RequestParser::take_body() {
  CRIER_ASSERT(state_ == State::complete);
  return std::exchange(body_, std::string());
}

bool RequestParser::in_progress() const {
  if (state_ == State::complete || state_ == State::faulted) return false;
  return state_ != State::request_line || !line_.empty();
}

void RequestParser::reset() {
  CRIER_ASSERT(state_ == State::complete || (state_ == State::body_start && !expects_body()));
  std::vector<Header> headers = std::exchange(head_.headers, {});
  static_cast<void>(std::exchange(head_, RequestHead{}));  // moved out, so that its strings give their memory back
  if (headers.capacity() <= kept_headers_max) {
    headers.clear();
    head_.headers = std::move(headers);
  }
  clear(body_);
  clear(line_);
  state_ = State::request_line;
  chunked_ = false;
  empty_lines_ = 0;
  head_bytes_ = trailers_ = length_ = data_left_ = 0;
}

RequestParser::Progress RequestParser::advance(std::string_view& input) {
  switch (state_) {
    case State::request_line:
    case State::header:
    case State::chunk_size:
    case State::chunk_end:
    case State::trailer: return advance_line(input);
    case State::body_start:
      data_left_ = length_;
      state_ = chunked_ ? State::chunk_size : State::sized_body;
      return Progress::proceed;
    case State::sized_body:
    case State::chunk_data: return advance_data(input);
    case State::complete: return Progress::request_complete;
    case State::faulted: return Progress::fault;
  }
  __builtin_unreachable();
}

RequestParser::Progress RequestParser::advance_line(std::string_view& input) {
  // Not HTTP at all (a TLS handshake, say) may never send an LF: its first byte is enough to answer.
  if (state_ == State::request_line && line_.empty() && !input.empty()) {
    const char first = input.front();
    if (!is_token_byte(first) && first != '\r' && first != '\n') {
      return refuse(fault::bad_request_line,
                    "The first byte cannot begin an HTTP request: neither TLS nor a PROXY header is expected here.");
    }
  }
  std::string_view line;
  Progress progress = Progress::need_more;
  switch (read_line(input, line_bytes_max(), line)) {
    case LineRead::partial: return Progress::need_more;
    case LineRead::too_long: progress = on_long_line(line); break;
    case LineRead::whole: progress = on_line(line); break;
  }
  clear(line_);
  return progress;
}

RequestParser::Progress RequestParser::advance_data(std::string_view& input) {
  const std::string_view piece = input.substr(0, data_left_);
  append_body(piece);
  input.remove_prefix(piece.size());
  data_left_ -= piece.size();
  if (data_left_ > 0) return Progress::need_more;
  state_ = state_ == State::sized_body ? State::complete : State::chunk_end;
  return Progress::proceed;
}

// One line with its LF, at most `bytes_max` bytes of it. `line` points into `input` or into line_. Only new
// bytes are searched, so that a peer which sends single bytes costs no more than one which does not.
RequestParser::LineRead RequestParser::read_line(std::string_view& input, std::size_t bytes_max,
                                                 std::string_view& line) {
  CRIER_ASSERT(line_.size() <= bytes_max);
  const std::string_view window = input.substr(0, bytes_max - line_.size());
  const auto line_feed = window.find('\n');
  const std::string_view piece = window.substr(0, line_feed == std::string_view::npos ? line_feed : line_feed + 1);
  const bool whole = line_feed != std::string_view::npos;
  input.remove_prefix(piece.size());

  if (whole && line_.empty()) {
    line = piece;
    return LineRead::whole;
  }
  line_.append(piece);
  line = line_;
  if (whole) return LineRead::whole;
  return line_.size() == bytes_max ? LineRead::too_long : LineRead::partial;
}

std::size_t RequestParser::line_bytes_max() const {
  if (state_ == State::chunk_size) return chunk_line_bytes_max;
  if (state_ == State::chunk_end) return 2;
  return limits_.head_bytes_max - head_bytes_;
}

RequestParser::Progress RequestParser::on_long_line(std::string_view line) {
  switch (state_) {
    case State::chunk_size: return refuse(fault::bad_chunk, "The line with a chunk's size is too long.");
    case State::chunk_end: return refuse(fault::bad_chunk, "A chunk has more bytes than its size says.");
    case State::trailer: return refuse(fault::head_too_large, "The trailers are too long.");
    case State::request_line:
      if (line.find(' ') != std::string_view::npos) return refuse(fault::target_too_long, "The target is too long.");
      [[fallthrough]];
    default: return refuse(fault::head_too_large, "The request line and the headers together are too long.");
  }
}

RequestParser::Progress RequestParser::on_line(std::string_view line) {
  if (const auto flaw = line_end_flaw(line); !flaw.empty()) return refuse(fault::smuggling, std::string(flaw));
  const std::string_view text = line.substr(0, line.size() - 2);
  switch (state_) {
    case State::request_line: return on_request_line(text);
    case State::header: return on_header(text);
    case State::chunk_size: return on_chunk_size(text);
    case State::trailer: return on_trailer(text);
    default: break;
  }
  CRIER_ASSERT(state_ == State::chunk_end && text.empty());  // two bytes were the limit
  state_ = State::chunk_size;
  return Progress::proceed;
}

RequestParser::Progress RequestParser::on_request_line(std::string_view line) {
  if (line.empty()) {
    if (++empty_lines_ <= leading_empty_lines_max) return Progress::proceed;
    return refuse(fault::bad_request_line, "There are empty lines in place of a request.");
  }
  auto parsed = parse_request_line(line);
  if (!parsed) return refuse(std::move(parsed.error()));
  head_.method = parsed->method;
  head_.target = parsed->target;
  head_.minor_version = parsed->minor_version;
  head_bytes_ += line.size() + 2;
  state_ = State::header;
  return Progress::proceed;
}

RequestParser::Progress RequestParser::on_header(std::string_view line) {
  head_bytes_ += line.size() + 2;
  if (line.empty()) return on_head_end();
  if (head_.headers.size() >= limits_.headers_max) return refuse(fault::head_too_large, "There are too many headers.");
  auto parsed = parse_field_line(line);
  if (!parsed) return refuse(std::move(parsed.error()));
  head_.headers.push_back({std::string(parsed->name), std::string(parsed->value)});
  return Progress::proceed;
}

// RFC 9112 3.2 (Host) and 6.3 (how long the body is).
RequestParser::Progress RequestParser::on_head_end() {
  const std::size_t hosts = head_.count("host");
  if (hosts > 1) return refuse(fault::bad_host, "There is more than one Host header.");
  if (hosts == 0 && head_.minor_version >= 1) return refuse(fault::bad_host, "There is no Host header.");
  if (hosts == 1 && !is_host(*head_.find("host"))) return refuse(fault::bad_host, "The Host header names no host.");

  const std::size_t codings = head_.count("transfer-encoding");
  const std::size_t lengths = head_.count("content-length");
  if (codings > 0 && head_.minor_version == 0) {
    return refuse(fault::smuggling, "HTTP/1.0 has no Transfer-Encoding.");
  }
  if (codings > 0 && lengths > 0) {
    return refuse(fault::smuggling, "There is a Content-Length together with Transfer-Encoding.");
  }
  if (lengths > 1) return refuse(fault::smuggling, "There is more than one Content-Length.");
  if (codings > 0 && !equals_ignoring_case(head_.joined("transfer-encoding"), "chunked")) {
    return refuse(fault::unsupported_coding, "The only transfer coding understood here is chunked.");
  }
  if (lengths == 1) {
    auto parsed = parse_content_length(*head_.find("content-length"));
    if (!parsed) return refuse(std::move(parsed.error()));
    if (*parsed > limits_.body_bytes_max) return refuse(fault::body_too_large, "The body is too large.");
    length_ = static_cast<std::size_t>(*parsed);
  }
  chunked_ = codings > 0;
  head_bytes_ = 0;
  state_ = State::body_start;
  return Progress::head_complete;
}

RequestParser::Progress RequestParser::on_chunk_size(std::string_view line) {
  auto parsed = parse_chunk_line(line);
  if (!parsed) return refuse(std::move(parsed.error()));
  // All extensions and trailers of a body share one budget: otherwise chunks of one byte with long extensions
  // would let a peer keep us busy with far more than any limit says.
  head_bytes_ += parsed->extension.size();
  if (head_bytes_ > limits_.head_bytes_max) {
    return refuse(fault::bad_chunk, "The chunk extensions together are too long.");
  }
  if (parsed->bytes > limits_.body_bytes_max - body_.size()) {
    return refuse(fault::body_too_large, "The body is too large.");
  }
  data_left_ = static_cast<std::size_t>(parsed->bytes);
  state_ = data_left_ > 0 ? State::chunk_data : State::trailer;
  return Progress::proceed;
}

// Trailers are read and dropped (RFC 9110 6.5.1): nothing we understand may come in one.
RequestParser::Progress RequestParser::on_trailer(std::string_view line) {
  head_bytes_ += line.size() + 2;
  if (line.empty()) {
    state_ = State::complete;
    return Progress::proceed;
  }
  if (++trailers_ > limits_.headers_max) return refuse(fault::head_too_large, "There are too many trailers.");
  auto parsed = parse_field_line(line);
  if (!parsed) return refuse(std::move(parsed.error()));
  return Progress::proceed;
}

// Not plain append(): that may take twice of what the body is allowed to be.
void RequestParser::append_body(std::string_view bytes) {
  const std::size_t needed = body_.size() + bytes.size();
  const std::size_t most = chunked_ ? limits_.body_bytes_max : length_;
  CRIER_ASSERT(needed <= most);
  if (needed > body_.capacity()) {
    std::string larger;
    larger.reserve(std::min(most, std::max(needed, 2 * body_.capacity())));
    larger.append(body_);
    body_ = std::move(larger);
  }
  body_.append(bytes);
}

RequestParser::Progress RequestParser::refuse(FaultKind kind, std::string detail) {
  return refuse(RequestFault{kind.status, kind.reason, std::move(detail)});
}

RequestParser::Progress RequestParser::refuse(RequestFault fault) {
  fault_ = std::move(fault);
  state_ = State::faulted;
  release(body_);
  return Progress::fault;
}

}  // namespace crier::http
