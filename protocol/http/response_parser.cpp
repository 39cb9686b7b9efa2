#include "protocol/http/response_parser.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "protocol/http/head_syntax.hpp"

namespace crier::http {

namespace {

constexpr std::string_view head_end = "\r\n\r\n";
constexpr std::string_view version_head = "HTTP/1.";
constexpr std::size_t status_digits = 3;

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

// Cuts a line off the front; without its CRLF.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

}  // namespace

ResponseStep ResponseParser::next(std::string_view& input) {
  switch (state_) {
    case State::head: return take_head(input);
    case State::body: return take_body(input);
    case State::complete: return ResponseComplete{};
    case State::faulted: return fault_;
  }
  __builtin_unreachable();
}

ResponseStep ResponseParser::finish() {
  if (state_ == State::faulted) return fault_;
  if (state_ == State::head) return refuse({"ended before it was whole"});
  state_ = State::complete;
  return ResponseComplete{};
}

// Whatever is no HTTP (SSH, a TLS alert, a mail server) shows in its first bytes, and may never send a line end.
ResponseStep ResponseParser::take_head(std::string_view& input) {
  for (;;) {
    const std::size_t seen = text_.size();
    const std::size_t room = limits_.head_bytes_max - passed_bytes_ - seen;
    text_.append(input.substr(0, room));
    const std::size_t same = std::min(text_.size(), version_head.size());
    if (text_.compare(0, same, version_head, 0, same) != 0) return refuse({"is no HTTP/1.1"});
    const auto end = text_.find(head_end, seen < head_end.size() ? 0 : seen - head_end.size() + 1);
    if (end == std::string::npos) {
      if (input.size() >= room) return refuse({"has a head that is too long"});
      input = {};
      return NeedMore{};
    }
    const std::size_t head_bytes = end + head_end.size();
    input.remove_prefix(head_bytes - seen);
    head_ = {};
    auto fault = read_head(std::string_view(text_).substr(0, end + 2));
    text_.clear();
    if (fault) return refuse(std::move(*fault));
    if (head_.status >= 200 || head_.status == 101) break;
    passed_bytes_ += head_bytes;
  }
  if (auto fault = choose_body()) return refuse(std::move(*fault));
  return HeadComplete{};
}

std::optional<ResponseFault> ResponseParser::read_head(std::string_view text) {
  if (auto fault = read_status_line(take_line(text))) return fault;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (head_.headers.size() == limits_.headers_max) return ResponseFault{"has too many headers"};
    auto field = parse_field_line(line);
    if (!field) return ResponseFault{"has a header that is none: " + field.error().detail};
    head_.headers.push_back({std::string(field->name), std::string(field->value)});
  }
  return std::nullopt;
}

// RFC 9112 4: the reason phrase may be empty, or missing with its space.
std::optional<ResponseFault> ResponseParser::read_status_line(std::string_view line) {
  ResponseFault no_status_line{"does not begin with a status line"};
  line.remove_prefix(version_head.size());
  if (line.size() < 2 + status_digits || (line[0] != '0' && line[0] != '1') || line[1] != ' ') return no_status_line;
  head_.minor_version = line[0] - '0';
  const std::string_view digits = line.substr(2, status_digits);
  const std::string_view rest = line.substr(2 + status_digits);
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return no_status_line;
  if (!rest.empty() && (rest.front() != ' ' || !is_field_value(rest))) return no_status_line;
  for (const char digit : digits) head_.status = 10 * head_.status + (digit - '0');
  if (head_.status < 100 || head_.status > 599) return ResponseFault{"has a status that HTTP does not know"};
  return std::nullopt;
}

std::optional<ResponseFault> ResponseParser::choose_body() {
  state_ = State::complete;
  if (head_.status == 101 || head_.status == 204 || head_.status == 304) return std::nullopt;
  body_left_ = limits_.body_bytes_max;
  const std::size_t lengths = head_.count("Content-Length");
  if (lengths > 1) return ResponseFault{"has more than one Content-Length"};
  if (lengths == 1 && head_.count("Transfer-Encoding") == 0) {
    auto length = parse_content_length(*head_.find("Content-Length"));
    if (!length) return ResponseFault{"has a Content-Length that is no number"};
    body_left_ = static_cast<std::size_t>(std::min<std::uint64_t>(*length, body_left_));
  }
  if (body_left_ > 0) state_ = State::body;
  return std::nullopt;
}

ResponseStep ResponseParser::take_body(std::string_view& input) {
  const std::string_view piece = input.substr(0, body_left_);
  body_.append(piece);
  input.remove_prefix(piece.size());
  body_left_ -= piece.size();
  if (body_left_ > 0) return NeedMore{};
  state_ = State::complete;
  return ResponseComplete{};
}

ResponseStep ResponseParser::refuse(ResponseFault fault) {
  fault_ = std::move(fault);
  state_ = State::faulted;
  return fault_;
}

ProblemText parse_problem(std::string_view body) {
  const auto problem = nlohmann::json::parse(body, nullptr, false);
  if (!problem.is_object()) return {};
  const auto word = [&](const char* name) {
    const auto found = problem.find(name);
    return found != problem.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  ProblemText text{word("code"), word("detail")};
  if (text.detail.empty()) text.detail = word("message");
  return text;
}

}  // namespace crier::http
