#include "broker/auth/origin.hpp"

#include <algorithm>
#include <optional>

#include "broker/auth/host_rule.hpp"
#include "protocol/http/request.hpp"

namespace crier::auth {

namespace {

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
  Origin origin{http::to_lower(text.substr(0, at)), {}};
  const auto place = parse_host(text.substr(at + 3));
  if (!place) return std::nullopt;
  origin.place = *place;
  if (origin.place.port == 0) origin.place.port = default_port(origin.scheme);
  return origin;
}

// Of a web server: apps and extensions have origins with schemes of their own, which are listed or refused.
bool is_web(const Origin& origin) {
  return default_port(origin.scheme) != 0;
}

bool is_same(const Origin& origin, const Called& called) {
  if (!is_web(origin) || (called.secure && origin.scheme != "https")) return false;
  auto own = parse_host(called.host);
  if (own && own->port == 0) own->port = default_port(origin.scheme);
  return own && *own == origin.place;
}

bool matches_rule(const Origin& origin, std::string_view rule) {
  const std::size_t at = rule.find("://");
  if (at == std::string_view::npos || http::to_lower(rule.substr(0, at)) != origin.scheme) return false;
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

bool origin_allowed(std::string_view origin_text, const Called& called, std::span<const std::string> rules,
                    std::string& why) {
  if (std::find(rules.begin(), rules.end(), "*") != rules.end()) return true;
  const auto origin = parse_origin(origin_text);
  if (!origin) {
    why = origin_text == "null"
              ? "the page's origin is opaque (null): a file, a sandboxed frame or a redirect; serve it over http"
              : "the Origin header is no origin";
    return false;
  }
  const bool allowed = std::any_of(rules.begin(), rules.end(), [&](const std::string& rule) {
    if (rule == "local") return is_web(*origin) && is_loopback_host(origin->place.host);
    if (rule == "same") return is_same(*origin, called);
    return matches_rule(*origin, rule);
  });
  if (!allowed) why = "pages of this origin may not call this broker; list it in server.origins";
  return allowed;
}

std::vector<std::string> default_origins(bool protected_mode) {
  return protected_mode ? std::vector<std::string>{"same", "local"} : std::vector<std::string>{"same"};
}

}  // namespace crier::auth
