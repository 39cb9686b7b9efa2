#include "broker/config/rules.hpp"

#include <algorithm>

#include "broker/config/address.hpp"

namespace crier::config {
namespace {

constexpr std::size_t directory_bytes_max = 4000;  // PATH_MAX is 4096, and a file's name follows

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_visible_ascii(char c) {
  return c > ' ' && c < '\x7F';
}

// Letters, digits, '-', '_' and dots between; none empty, no trailing dot (a Host header with one is refused).
bool is_dns_name(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.back() == '.') return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::ranges::all_of(name, [](char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_' || c == '.';
  });
}

bool is_bracketed_v6(std::string_view host) {
  return host.starts_with('[') && host.ends_with(']') && parse_address(std::string(host) + ":0").has_value();
}

// RFC 6454 section 6.2: scheme "://" host [ ":" port ], all lower case, and a leading "*." of our own.
bool is_origin(std::string_view text) {
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos) return false;
  const std::string_view scheme = text.substr(0, mark);
  const auto in_scheme = [](char c) { return is_lower(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
  if (scheme.empty() || !is_lower(scheme.front()) || !std::ranges::all_of(scheme, in_scheme)) return false;

  std::string_view host = text.substr(mark + 3);
  if (std::ranges::any_of(host, [](char c) { return c >= 'A' && c <= 'Z'; })) return false;
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && !host.ends_with(']')) {
    const std::string_view port = host.substr(colon + 1);
    if (!parse_address("localhost:" + std::string(port))) return false;
    host = host.substr(0, colon);
  }
  if (host.starts_with("*.")) return is_dns_name(host.substr(2));
  return is_dns_name(host) || is_bracketed_v6(host);
}

}  // namespace

std::optional<Objection> judge_address(std::string_view text) {
  if (parse_address(text)) return std::nullopt;
  Objection objection{"HOST:PORT, as \"127.0.0.1:8008\", \"[::1]:8008\" or \"localhost:8008\"", ""};
  if (text.starts_with("unix:")) objection.consequence = "Unix sockets are not supported by this version.";
  return objection;
}

std::optional<Objection> judge_host_name(std::string_view text) {
  if (is_dns_name(text) || is_bracketed_v6(text)) return std::nullopt;
  return Objection{"a host name or address without port and trailing dot, as \"crier.example.com\"", ""};
}

std::optional<Objection> judge_path(std::string_view text) {
  const std::string expected = "a path that starts with \"/\", as \"/message\"";
  if (text.find_first_of("?#") != std::string_view::npos) {
    return Objection{expected, "A query or fragment is no part of a path: no request would match."};
  }
  if (!text.starts_with('/') || !std::ranges::all_of(text, is_visible_ascii)) return Objection{expected, ""};
  if (text == "/") return Objection{expected, "\"/\" itself is the demo page's."};
  return std::nullopt;
}

std::optional<Objection> judge_directory(std::string_view text) {
  const bool disturbs = std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; });
  if (!disturbs && text.size() <= directory_bytes_max) return std::nullopt;
  return Objection{"a directory's path, as \"/var/lib/crier\", or \"\" for none",
                   disturbs ? "A control character in a path is a slip." : "No system has paths of that length."};
}

std::optional<Objection> judge_origin(std::string_view text) {
  if (text == "same" || text == "local" || text == "*" || is_origin(text)) return std::nullopt;
  Objection objection{"\"same\", \"local\", \"*\" or SCHEME://HOST[:PORT] in lower case, as \"https://*.example.com\"",
                      ""};
  if (text.ends_with('/') && is_origin(text.substr(0, text.size() - 1))) {
    objection.consequence = "Browsers send no \"/\" at the end: this would match nothing.";
  }
  return objection;
}

}  // namespace crier::config
