#include "broker/config/rules.hpp"

#include <algorithm>

#include "broker/config/address.hpp"
#include "broker/config/names.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::config {
namespace {

constexpr std::size_t path_bytes_max = 4000;  // PATH_MAX is 4096, and a file's name may follow
constexpr std::size_t service_name_bytes_max = 64;
constexpr std::size_t claim_bytes_max = 1024;
constexpr std::size_t digest_digits = 64;

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

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; });
}

// Of a file or a directory, as `expected` says.
std::optional<Objection> judge_system_path(std::string_view text, std::string expected) {
  if (has_control_character(text)) return Objection{std::move(expected), "A control character in a path is a slip."};
  if (text.size() > path_bytes_max) return Objection{std::move(expected), "No system has paths of that length."};
  return std::nullopt;
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
  const auto address = parse_address(text);
  if (address && address->unix_path.empty()) return std::nullopt;
  Objection objection{"HOST:PORT, as \"127.0.0.1:8008\", \"[::1]:8008\" or \"localhost:8008\"", ""};
  if (text.starts_with("unix:")) objection.consequence = "Only server.listen takes Unix sockets.";
  return objection;
}

std::optional<Objection> judge_listen_address(std::string_view text) {
  if (parse_address(text)) return std::nullopt;
  if (!text.starts_with("unix:")) {
    return Objection{"HOST:PORT, as \"127.0.0.1:8008\", \"[::1]:8008\" or \"localhost:8008\", or unix:/PATH", ""};
  }
  return Objection{"unix: and the absolute path of a socket in at most 107 bytes, as \"unix:/run/crier/crier.sock\"",
                   ""};
}

std::optional<Objection> judge_network(std::string_view text) {
  const std::string expected = "an address or a network, as \"10.0.0.0/8\", \"192.0.2.7\" or \"2001:db8::/32\"";
  const auto network = parse_network(text);
  if (!network) return Objection{expected, ""};
  if (masked(*network) == *network) return std::nullopt;
  return Objection{expected, "Did you mean \"" + network_text(masked(*network)) + "\"?"};
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
  return judge_system_path(text, "a directory's path, as \"/var/lib/crier\", or \"\" for none");
}

bool looks_like_key(std::string_view text) {
  return text.find("-----BEGIN") != std::string_view::npos || text.starts_with('{');
}

std::optional<Objection> judge_file(std::string_view text) {
  if (looks_like_key(text)) {
    return Objection{"a file's path, as \"/etc/crier/key.pem\", or \"\" for none", "The key belongs into the file."};
  }
  return judge_system_path(text, "a file's path, as \"/etc/crier/key.pem\", or \"\" for none");
}

std::optional<Objection> judge_needed_file(std::string_view text) {
  if (text.empty()) return Objection{"a file's path, as \"/etc/crier/key.pem\"", ""};
  return judge_file(text);
}

std::optional<Objection> judge_certificate_name(std::string_view text) {
  const std::string_view name = text.starts_with("*.") ? text.substr(2) : text;
  const bool upper = std::ranges::any_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (is_dns_name(name) && !upper) return std::nullopt;
  return Objection{"a host name in lower case, as \"crier.example.com\" or \"*.example.com\"", ""};
}

std::optional<Objection> judge_service_name(std::string_view text) {
  if (is_bare(text) && text.size() <= service_name_bytes_max) return std::nullopt;
  return Objection{"1 to 64 letters, digits, \"_\" and \"-\", as \"orders\"", ""};
}

std::optional<Objection> judge_digest(std::string_view text) {
  const bool hex =
      std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
  if (text.size() == digest_digits && hex) return std::nullopt;
  return Objection{
      "the SHA-256 of the key in 64 hex digits",
      "`crier key new NAME` prints both. Only the service itself is to have the key: if it stands here, make a "
      "new one."};
}

std::optional<Objection> judge_secret(std::string_view text) {
  if (text != mask) return std::nullopt;
  return Objection{"the secret itself", "Stars are what `crier config` prints in its place."};
}

std::optional<Objection> judge_claim(std::string_view text) {
  if (!has_control_character(text) && text.size() <= claim_bytes_max) return std::nullopt;
  return Objection{"the text that the token's claim has, or \"\" for any", ""};
}

std::optional<Objection> judge_grant(std::string_view text) {
  const std::string fault =
      command::looks_like_pattern(text) ? command::check_channel_pattern(text) : command::check_channel_name(text);
  if (fault.empty()) return std::nullopt;
  return Objection{"a channel or a pattern, as \"orders.new\", \"orders.>\" or \"chat:room.*\"", "It " + fault + "."};
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
