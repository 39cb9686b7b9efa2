#include "broker/net/client_address.hpp"

#include <algorithm>
#include <optional>

#include "broker/config/address.hpp"

namespace crier::net {

namespace {

using config::Network;

constexpr std::string_view unix_peer = "unix";
constexpr std::string_view unix_peer_address = "127.0.0.1";
constexpr unsigned mapped_bits = 96;  // RFC 4291 2.5.5.2: ::ffff:0:0/96

bool is_mapped(const Network& network) {
  return network.v6 && network.bits >= mapped_bits && network.address[10] == 0xFF && network.address[11] == 0xFF &&
         std::all_of(network.address.begin(), network.address.begin() + 10,
                     [](std::uint8_t byte) { return byte == 0; });
}

Network unmapped(Network network) {
  if (!is_mapped(network)) return network;
  Network v4;
  v4.bits = network.bits - mapped_bits;
  std::copy_n(network.address.begin() + 12, 4, v4.address.begin());
  return v4;
}

// One address; nothing else, so neither a prefix length nor a name.
std::optional<Network> parse_ip(std::string_view text) {
  if (text.find('/') != std::string_view::npos) return std::nullopt;
  const auto address = config::parse_network(text);
  if (!address) return std::nullopt;
  return unmapped(*address);
}

std::string text_of(const Network& address) {
  const std::string text = config::network_text(address);
  return text.substr(0, text.find('/'));
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view white = " \t";
  const std::size_t first = text.find_first_not_of(white);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white) - first + 1);
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1] or [2001:db8::1]:80: what proxies write.
std::optional<Network> parse_entry(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view behind = text.substr(end + 1);
    if (!behind.empty() && (behind.front() != ':' || !is_port(behind.substr(1)))) return std::nullopt;
    text = text.substr(1, end - 1);
    if (text.find(':') == std::string_view::npos) return std::nullopt;
    return parse_ip(text);
  }
  const std::size_t colon = text.find(':');
  const bool has_port = colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos;
  if (has_port && !is_port(text.substr(colon + 1))) return std::nullopt;
  return parse_ip(has_port ? text.substr(0, colon) : text);
}

bool holds(const Network& network, const Network& address) {
  if (network.v6 != address.v6) return false;
  Network prefix = address;
  prefix.bits = network.bits;
  return config::masked(prefix) == config::masked(network);
}

bool is_trusted(const Network& address, std::span<const std::string> trusted) {
  return std::any_of(trusted.begin(), trusted.end(), [&](const std::string& text) {
    const auto network = config::parse_network(text);
    return network && holds(unmapped(*network), address);
  });
}

}  // namespace

std::string client_address(std::string_view peer, std::string_view forwarded_for,
                           std::span<const std::string> trusted) {
  const auto hop = parse_ip(peer == unix_peer ? unix_peer_address : peer);
  if (!hop || !is_trusted(*hop, trusted)) return std::string(hop && peer != unix_peer ? text_of(*hop) : peer);
  std::string client = peer == unix_peer ? std::string(peer) : text_of(*hop);
  for (std::string_view rest = trim(forwarded_for); !rest.empty();) {
    const std::size_t comma = rest.rfind(',');
    const auto entry = parse_entry(trim(comma == std::string_view::npos ? rest : rest.substr(comma + 1)));
    if (!entry) break;
    client = text_of(*entry);
    if (!is_trusted(*entry, trusted)) break;
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(0, comma);
  }
  return client;
}

bool is_trusted_proxy(std::string_view peer, std::span<const std::string> trusted) {
  const auto hop = parse_ip(peer == unix_peer ? unix_peer_address : peer);
  return hop && is_trusted(*hop, trusted);
}

}  // namespace crier::net
