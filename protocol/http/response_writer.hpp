// HTTP/1.1 responses as text: status lines, headers, RFC 9457 problem bodies.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/http/request.hpp"

namespace crier::http {

// The reason phrase of a status that we send ("Not Found"), "" for others.
[[nodiscard]] std::string_view reason_phrase(int status);

struct Response {
  int status = 200;
  std::vector<Header> headers;  // written in this order; never Content-Length or Transfer-Encoding
  std::string content_type = "application/json";
  std::string body;
  bool close = false;      // adds "Connection: close"
  bool head_only = false;  // the answer to HEAD: the length, not the body
};

// The whole response with Content-Length, and Content-Type where there is a body. 1xx, 204 and 304 get
// neither body nor length (RFC 9110 6.4.1). A header that would break the framing (a line end in a value, a
// name that is no token) is a bug of ours and ends the process: whoever takes a value from a request passes
// on only what the parser let through.
[[nodiscard]] std::string write_response(const Response& response);

// A JSON problem (RFC 9457): {"type":"about:blank","title":…,"status":…,"detail":…,"code":…,"request_id":…}.
// `code` is a word for programs ("forbidden"), `detail` a sentence for people. All text is escaped, bytes that
// are no UTF-8 become U+FFFD; an empty `code` or `request_id` is left out. The request id, which we made
// ourselves, goes into X-Request-Id too. Whether the connection closes is the caller's to say.
struct Problem {
  int status = 400;
  std::string code;
  std::string detail;
  std::string request_id;
};
[[nodiscard]] Response problem_response(const Problem& problem);

}  // namespace crier::http
