#include "broker/auth/host_rule.hpp"

#include <algorithm>
#include <charconv>

#include "broker/config/address.hpp"
#include "protocol/http/request.hpp"

namespace crier::auth {

namespace {

bool host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// Of an address in canonical spelling: nothing when it is none.
std::optional<config::Network> parse_ip(std::string_view text) {
  if (text.find('/') != std::string_view::npos) return std::nullopt;
  return config::parse_network(text);
}

// "[...]" in the spelling that browsers use, so that text can be compared; nothing when it is no IPv6 address.
std::optional<std::string> canonical_ipv6(std::string_view host) {
  if (host.size() < 4 || host.back() != ']') return std::nullopt;
  const auto address = parse_ip(host.substr(1, host.size() - 2));
  if (!address || !address->v6) return std::nullopt;
  const std::string text = config::network_text(*address);
  return "[" + text.substr(0, text.find('/')) + "]";
}

// A port of digits only, as from_chars takes no sign for an unsigned number.
std::optional<int> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port < 1 || port > 65535) return std::nullopt;
  return static_cast<int>(port);
}

}  // namespace

std::optional<HostPort> parse_host(std::string_view text) {
  HostPort result;
  std::string_view host = text;
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) return std::nullopt;
    result.port = *port;
    host = text.substr(0, colon);
  }
  if (host.starts_with('[')) {
    auto address = canonical_ipv6(host);
    if (!address) return std::nullopt;
    result.host = std::move(*address);
    return result;
  }
  result.host = http::to_lower(host);
  if (result.host.empty() || !std::all_of(result.host.begin(), result.host.end(), host_character)) return std::nullopt;
  if (result.host.back() == '.' || result.host.front() == '.') return std::nullopt;
  return result;
}

bool is_loopback_host(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  const auto address = parse_ip(host);
  return address && !address->v6 && address->address[0] == 127;
}

bool is_address_host(std::string_view host) {
  return host.starts_with('[') || parse_ip(host).has_value();
}

bool protected_host_allowed(const HostPort& place) {
  return is_loopback_host(place.host) || place.host == "0.0.0.0";
}

bool host_listed(const HostPort& place, std::span<const std::string> names) {
  if (is_loopback_host(place.host)) return true;
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    const auto wanted = parse_host(name);
    return wanted && wanted->host == place.host;
  });
}

}  // namespace crier::auth
