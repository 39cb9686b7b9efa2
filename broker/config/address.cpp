#include "broker/config/address.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace crier::config {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

// Is the host one of ours, and does it stay on this machine? nullopt: it is none.
std::optional<bool> loopback_of(const std::string& host, bool bracketed) {
  if (bracketed) {
    in6_addr v6{};
    if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return std::nullopt;
    // ::ffff:127.0.0.1 is the IPv4 loopback in IPv6's spelling.
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
  }
  if (host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) != 1) return std::nullopt;
  return (ntohl(v4.s_addr) >> 24) == 127;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // inet_pton reads up to a NUL: one inside would hide the rest from it.
  if (host.find('\0') != std::string_view::npos) return std::nullopt;

  const auto port = parse_port(text.substr(colon + 1));
  const auto loopback = loopback_of(std::string(host), bracketed);
  if (!port || !loopback) return std::nullopt;
  return Address{std::string(host), *port, *loopback};
}

}  // namespace crier::config
