#include "broker/config/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
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

std::optional<Address> parse_unix(std::string_view path) {
  if (path.size() < 2 || path.size() > unix_path_bytes_max || path.front() != '/' || path.back() == '/') {
    return std::nullopt;
  }
  if (std::ranges::any_of(path, [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; })) return std::nullopt;
  Address address;
  address.loopback = true;
  address.unix_path = path;
  return address;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  constexpr std::string_view unix_scheme = "unix:";
  if (text.starts_with(unix_scheme)) return parse_unix(text.substr(unix_scheme.size()));
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
  return Address{std::string(host), *port, *loopback, ""};
}

std::optional<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  if (address.find('\0') != std::string::npos) return std::nullopt;
  Network network;
  network.v6 = address.find(':') != std::string::npos;
  if (inet_pton(network.v6 ? AF_INET6 : AF_INET, address.c_str(), network.address.data()) != 1) return std::nullopt;
  const unsigned bits_max = network.v6 ? 128 : 32;
  network.bits = bits_max;
  if (slash == std::string_view::npos) return network;
  const std::string_view bits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), network.bits);
  if (error != std::errc{} || end != bits.data() + bits.size() || network.bits > bits_max) return std::nullopt;
  return network;
}

Network masked(Network network) {
  for (unsigned i = 0; i < network.address.size(); ++i) {
    const unsigned kept = std::clamp(network.bits, 8 * i, 8 * (i + 1)) - 8 * i;  // of this byte
    network.address[i] = static_cast<std::uint8_t>(network.address[i] & (0xFF00U >> kept));
  }
  return network;
}

std::string network_text(const Network& network) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(network.v6 ? AF_INET6 : AF_INET, network.address.data(), text.data(), text.size());
  return std::string(text.data()) + "/" + std::to_string(network.bits);
}

}  // namespace crier::config
