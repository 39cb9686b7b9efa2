#include "broker/auth/origin.hpp"

#include <algorithm>
#include <charconv>

namespace crier::auth {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

bool is_ipv4_loopback(std::string_view host) {
  if (!host.starts_with("127.")) return false;
  int dots = 0;
  int digits = 0;
  int value = 0;
  for (const char c : host) {
    if (c == '.') {
      if (digits == 0) return false;
      ++dots;
      digits = value = 0;
    } else if (c >= '0' && c <= '9') {
      value = value * 10 + (c - '0');
      if (++digits > 3 || value > 255) return false;
    } else {
      return false;
    }
  }
  return dots == 3 && digits > 0;
}

bool host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// "[...]" with what an IPv6 literal may hold.
bool is_bracketed_ipv6(std::string_view host) {
  return host.size() > 3 && host.front() == '[' && host.back() == ']' &&
         std::all_of(host.begin() + 1, host.end() - 1,
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.'; });
}

struct Origin {
  std::string scheme;
  HostPort place;  // the port is always given
};

int default_port(std::string_view scheme) {
  return scheme == "http" ? 80 : scheme == "https" ? 443 : 0;
}

std::optional<Origin> parse_origin(std::string_view text) {
  const std::size_t at = text.find("://");
  if (at == std::string_view::npos) return std::nullopt;
  Origin origin{lower(text.substr(0, at)), {}};
  const auto place = parse_host(text.substr(at + 3));
  if (!place) return std::nullopt;
  origin.place = *place;
  if (origin.place.port == 0) origin.place.port = default_port(origin.scheme);
  return origin;
}

bool matches_rule(const Origin& origin, std::string_view rule) {
  const std::size_t at = rule.find("://");
  if (at == std::string_view::npos || lower(rule.substr(0, at)) != origin.scheme) return false;
  std::string_view host = rule.substr(at + 3);
  const bool subdomains = host.starts_with("*.");
  if (subdomains) host.remove_prefix(2);
  const auto wanted = parse_host(host);
  if (!wanted) return false;
  const int port = wanted->port == 0 ? default_port(origin.scheme) : wanted->port;
  if (port != origin.place.port) return false;
  if (!subdomains) return wanted->host == origin.place.host;
  return origin.place.host.size() > wanted->host.size() + 1 && origin.place.host.ends_with("." + wanted->host);
}

}  // namespace

std::optional<HostPort> parse_host(std::string_view text) {
  HostPort result;
  std::string_view host = text;
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
    if (error != std::errc{} || end != port.data() + port.size() || result.port < 1 || result.port > 65535)
      return std::nullopt;
  }
  result.host = lower(host);
  if (result.host.empty()) return std::nullopt;
  if (result.host.front() == '[') {
    if (!is_bracketed_ipv6(result.host)) return std::nullopt;
    return result;
  }
  if (!std::all_of(result.host.begin(), result.host.end(), host_character)) return std::nullopt;
  if (result.host.back() == '.' || result.host.front() == '.') return std::nullopt;
  return result;
}

bool is_loopback_host(std::string_view host) {
  return host == "localhost" || host == "[::1]" || is_ipv4_loopback(host);
}

bool protected_host_allowed(std::string_view host_header) {
  const auto place = parse_host(host_header);
  return place && (is_loopback_host(place->host) || place->host == "0.0.0.0");
}

bool origin_allowed(std::string_view origin_text, std::string_view host_header, std::span<const std::string> rules,
                    std::string& why) {
  if (std::find(rules.begin(), rules.end(), "*") != rules.end()) return true;
  const auto origin = parse_origin(origin_text);
  if (!origin) {
    why = origin_text == "null"
              ? "the page's origin is opaque (null): a file, a sandboxed frame or a redirect; serve it over http"
              : "the Origin header is no origin";
    return false;
  }
  for (const std::string& rule : rules) {
    if (rule == "local") {
      if (is_loopback_host(origin->place.host)) return true;
    } else if (rule == "same") {
      auto own = parse_host(host_header);
      // Whether the page came by http or https is not known behind a proxy, so a missing port is that of
      // the origin's own scheme.
      if (own && own->port == 0) own->port = default_port(origin->scheme);
      if (own && *own == origin->place) return true;
    } else if (matches_rule(*origin, rule)) {
      return true;
    }
  }
  why = "pages of this origin may not call this broker; list it in server.origins";
  return false;
}

std::vector<std::string> default_origins(bool protected_mode) {
  return protected_mode ? std::vector<std::string>{"same", "local"} : std::vector<std::string>{"same"};
}

}  // namespace crier::auth
