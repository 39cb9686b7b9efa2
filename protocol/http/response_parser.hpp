// Incremental, strict parser of one HTTP/1.1 answer: what a client reads before a WebSocket begins, or why none
// does. No I/O, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/http/request.hpp"
#include "protocol/http/request_parser.hpp"

namespace crier::http {

struct ResponseHead : HeaderFields {
  int status = 0;         // 101, or 200 to 599: other 1xx answers are passed over (RFC 9110 15.2)
  int minor_version = 1;  // HTTP/1.0 or HTTP/1.1
};

struct ResponseLimits {
  std::size_t head_bytes_max = 16 * 1024;  // all heads together, those that are passed over too
  std::size_t headers_max = 100;
  std::size_t body_bytes_max = 64 * 1024;  // what comes behind is not read
};

struct ResponseComplete {};

// Why this is no HTTP answer: the rest of a sentence that begins with "the answer".
struct ResponseFault {
  std::string detail;

  friend bool operator==(const ResponseFault&, const ResponseFault&) = default;
};

using ResponseStep = std::variant<NeedMore, HeadComplete, ResponseComplete, ResponseFault>;

// One answer. Memory: head_bytes_max and body_bytes_max, taken as bytes arrive.
class ResponseParser {
 public:
  explicit ResponseParser(ResponseLimits limits = {}) : limits_(limits) {}

  // Takes bytes from the front of `input` until the head or the whole answer is complete, or the input is used
  // up. Call it until it says NeedMore or ResponseComplete. After a 101 the answer is complete with its head, and
  // what is left of the input belongs to the new protocol. A body is as long as Content-Length says, or as the
  // connection lasts; what is over the limit is left out and ends the answer. A chunked body is shown as it came.
  [[nodiscard]] ResponseStep next(std::string_view& input);
  // The connection has ended: an answer with its head there is complete, whatever came of its body.
  [[nodiscard]] ResponseStep finish();

  [[nodiscard]] const ResponseHead& head() const { return head_; }
  [[nodiscard]] const std::string& body() const { return body_; }

 private:
  enum class State : std::uint8_t { head, body, complete, faulted };

  [[nodiscard]] ResponseStep take_head(std::string_view& input);
  [[nodiscard]] ResponseStep take_body(std::string_view& input);
  [[nodiscard]] std::optional<ResponseFault> read_head(std::string_view text);
  [[nodiscard]] std::optional<ResponseFault> read_status_line(std::string_view line);
  [[nodiscard]] std::optional<ResponseFault> choose_body();
  ResponseStep refuse(ResponseFault fault);

  ResponseLimits limits_;
  State state_ = State::head;
  std::size_t passed_bytes_ = 0;  // of heads that were passed over
  std::size_t body_left_ = 0;
  std::string text_;  // the head, as far as it has come
  ResponseHead head_;
  std::string body_;
  ResponseFault fault_;
};

// What a problem (RFC 9457) or an error of ours says; "" for what it does not say. Anything else as a body is a
// problem without words.
struct ProblemText {
  std::string code;
  std::string detail;
};
[[nodiscard]] ProblemText parse_problem(std::string_view body);

}  // namespace crier::http
