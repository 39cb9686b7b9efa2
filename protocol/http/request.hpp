// An HTTP/1.1 request head, parsed: what the rest of the program sees of a request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier::http {

struct Header {
  std::string name;   // as it came; compare without case
  std::string value;  // without surrounding white space
};

// ASCII only, and whatever the process's locale is.
[[nodiscard]] std::string to_lower(std::string_view text);
// ASCII only, as RFC 9110 5.1 defines field names.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);

// The headers of a request or of a response, in the order in which they came.
struct HeaderFields {
  std::vector<Header> headers;

  // The first header of that name, or nullptr.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  // All values of that name joined by ", " (RFC 9110 5.3).
  [[nodiscard]] std::string joined(std::string_view name) const;
  // Does a comma-separated list header hold that token (without case)? For Connection and Upgrade.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;
};

struct RequestHead : HeaderFields {
  std::string method;     // case matters: "GET"
  std::string target;     // as it came: origin-form, "/message?channel=a"
  int minor_version = 1;  // HTTP/1.0 or HTTP/1.1

  // Before the '?' of the target, as it came (not percent-decoded).
  [[nodiscard]] std::string_view path() const;
  // After the '?', "" without one.
  [[nodiscard]] std::string_view query() const;
  // Does the client want this connection to stay open afterwards (RFC 9112 9.3)?
  [[nodiscard]] bool keep_alive() const;
};

// Query parameters in URL order, percent-decoded, '+' as space (WHATWG URL, urlencoded parsing). A
// broken escape stays as it is, as browsers do.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

}  // namespace crier::http
