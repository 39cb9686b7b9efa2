#include "protocol/http/response_writer.hpp"

#include <nlohmann/json.hpp>

#include "protocol/base/check.hpp"
#include "protocol/http/head_syntax.hpp"

namespace crier::http {

namespace {

// Values are ours, or were checked where they came in. One with a line end would let a peer write headers,
// or a whole second response, so that it is better to stop here.
void append_header(std::string& text, std::string_view name, std::string_view value) {
  CRIER_ASSERT(is_token(name));
  CRIER_ASSERT(is_field_value(value));
  text.append(name).append(": ").append(value).append("\r\n");
}

bool is_framing_header(std::string_view name) {
  return equals_ignoring_case(name, "content-length") || equals_ignoring_case(name, "transfer-encoding");
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 204: return "No Content";
    case 207: return "Multi-Status";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 421: return "Misdirected Request";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

std::string write_response(const Response& response) {
  CRIER_ASSERT(response.status >= 100 && response.status <= 599);
  const bool has_content = response.status >= 200 && response.status != 204 && response.status != 304;

  std::string text;
  text.reserve(256 + (has_content && !response.head_only ? response.body.size() : 0));
  text.append("HTTP/1.1 ").append(std::to_string(response.status));
  text.append(" ").append(reason_phrase(response.status)).append("\r\n");
  for (const Header& header : response.headers) {
    CRIER_ASSERT(!is_framing_header(header.name));  // ours is computed; a second one desynchronises the peer
    append_header(text, header.name, header.value);
  }
  if (has_content) {
    if (!response.body.empty()) append_header(text, "Content-Type", response.content_type);
    append_header(text, "Content-Length", std::to_string(response.body.size()));
  }
  if (response.close) append_header(text, "Connection", "close");
  text.append("\r\n");
  if (has_content && !response.head_only) text.append(response.body);
  return text;
}

Response problem_response(const Problem& problem) {
  nlohmann::ordered_json body{{"type", "about:blank"},
                              {"title", reason_phrase(problem.status)},
                              {"status", problem.status},
                              {"detail", problem.detail}};
  if (!problem.code.empty()) body["code"] = problem.code;
  if (!problem.request_id.empty()) body["request_id"] = problem.request_id;

  Response response;
  response.status = problem.status;
  // A detail may quote a request, so that browsers must not guess another type for it.
  response.headers.push_back({"X-Content-Type-Options", "nosniff"});
  if (!problem.request_id.empty()) response.headers.push_back({"X-Request-Id", problem.request_id});
  response.content_type = "application/problem+json";
  // `replace`: the text may hold bytes of a request that are no UTF-8, and dump() would throw over them.
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

}  // namespace crier::http
