// Incremental, strict HTTP/1.1 request parser: head and body framing (RFC 9112). No I/O, no clock.
//
// Strict on purpose: everything on which two parsers could disagree is refused (request smuggling):
// obs-fold, a bare LF or CR, white space before the colon, an empty or repeated Content-Length, a
// length together with chunked, a transfer coding other than chunked, NUL and other controls.
//
// Left to the caller, as it is policy: whether Host is one of our names, whether a method without a
// length is an error (411; here it is a body of no bytes, RFC 9112 6.3), and Expect: 100-continue, for
// which HeadComplete is the moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/http/request.hpp"
#include "protocol/http/request_fault.hpp"

namespace crier::http {

struct ParserLimits {
  std::size_t head_bytes_max = 16 * 1024;    // request line and headers together: 431 (a long target: 414)
  std::size_t body_bytes_max = 1024 * 1024;  // 413, from Content-Length at once, from chunks when reached
  std::size_t headers_max = 100;             // 431
};

struct NeedMore {};         // every byte of the input was taken
struct HeadComplete {};     // head() is there; the caller may refuse now, or call next() for the body
struct RequestComplete {};  // body() is there; what is left of the input belongs to the next request

using ParseStep = std::variant<NeedMore, HeadComplete, RequestComplete, RequestFault>;

// One connection's requests, one after another. Memory: head_bytes_max (in strings, which grow by doubling,
// two for each header) and body_bytes_max, taken as bytes arrive, never as a peer announces them.
class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits) : limits_(limits) {}

  // Takes bytes from the front of `input` until something is complete or the input is used up. Call it until
  // it says NeedMore: a request without a body is complete one call after its head, also with no input left.
  // After a fault every call returns that same fault, and what is left of the input means nothing.
  [[nodiscard]] ParseStep next(std::string_view& input);

  // Whole from HeadComplete to reset(); after a fault whatever was read until then.
  [[nodiscard]] const RequestHead& head() const { return head_; }
  [[nodiscard]] const std::string& body() const { return body_; }
  // After RequestComplete: the body without a copy; body() is empty afterwards.
  [[nodiscard]] std::string take_body();
  // After HeadComplete: does a body follow (a length above 0, or chunked)?
  [[nodiscard]] bool expects_body() const { return chunked_ || length_ > 0; }
  // After HeadComplete: is the body chunked? Together with head().count("content-length") that is what a
  // caller needs to know in order to ask for a length (411).
  [[nodiscard]] bool chunked() const { return chunked_; }
  // Has a part of a request arrived that is not complete yet? (For the time limits and the idle state.)
  [[nodiscard]] bool in_progress() const;
  // After RequestComplete (or HeadComplete, where no body follows): ready for the next request of the
  // connection. Gives large memory back.
  void reset();

 private:
  // What the next byte belongs to. Those up to `trailer` are read line by line.
  enum class State : std::uint8_t {
    request_line,
    header,
    chunk_size,
    chunk_end,
    trailer,
    body_start,  // HeadComplete was returned
    sized_body,
    chunk_data,
    complete,
    faulted,
  };
  enum class Progress : std::uint8_t { proceed, need_more, head_complete, request_complete, fault };
  enum class LineRead : std::uint8_t { partial, whole, too_long };

  [[nodiscard]] Progress advance(std::string_view& input);
  [[nodiscard]] Progress advance_line(std::string_view& input);
  [[nodiscard]] Progress advance_data(std::string_view& input);
  [[nodiscard]] LineRead read_line(std::string_view& input, std::size_t bytes_max, std::string_view& line);
  [[nodiscard]] std::size_t line_bytes_max() const;

  [[nodiscard]] Progress on_line(std::string_view line);
  [[nodiscard]] Progress on_long_line(std::string_view line);
  [[nodiscard]] Progress on_request_line(std::string_view line);
  [[nodiscard]] Progress on_header(std::string_view line);
  [[nodiscard]] Progress on_head_end();
  [[nodiscard]] Progress on_chunk_size(std::string_view line);
  [[nodiscard]] Progress on_trailer(std::string_view line);

  void append_body(std::string_view bytes);
  Progress refuse(FaultKind kind, std::string detail);
  Progress refuse(RequestFault fault);

  ParserLimits limits_;
  State state_ = State::request_line;
  bool chunked_ = false;
  std::uint8_t empty_lines_ = 0;  // before the request line
  std::size_t head_bytes_ = 0;    // lines taken; starts anew after the head, for extensions and trailers
  std::size_t trailers_ = 0;
  std::size_t length_ = 0;     // Content-Length
  std::size_t data_left_ = 0;  // of the body or of the chunk
  std::string line_;           // the part of a line that came with earlier input
  RequestHead head_;
  std::string body_;
  RequestFault fault_;
};

}  // namespace crier::http
