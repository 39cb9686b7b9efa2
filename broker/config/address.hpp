// HOST:PORT, unix:/path and networks as they stand in the configuration.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crier::config {

struct Address {
  std::string host;  // an IPv4 address, an IPv6 address without its brackets, or "localhost"
  std::uint16_t port = 0;
  bool loopback = false;       // a Unix socket is: who can reach it is on this machine
  std::string unix_path = {};  // absolute; "": none, host and port say where

  friend bool operator==(const Address&, const Address&) = default;
};

// 127.0.0.1:8008, [::1]:8008 or localhost:8008; port 0 lets the system choose. Other host names are refused:
// what a listener binds to must not depend on a name server. unix:/path: a socket in the file system.
[[nodiscard]] std::optional<Address> parse_address(std::string_view text);

inline constexpr std::size_t unix_path_bytes_max = 107;  // sockaddr_un has 108, with its NUL

// The addresses that share their first `bits` bits.
struct Network {
  bool v6 = false;
  std::array<std::uint8_t, 16> address{};  // in network order; an IPv4 address is the first four bytes
  unsigned bits = 0;

  friend bool operator==(const Network&, const Network&) = default;
};

// 10.0.0.0/8, 2001:db8::/32; without "/" the one address. Bits behind the prefix may be set: see network_text.
[[nodiscard]] std::optional<Network> parse_network(std::string_view text);

// The network with the bits behind its prefix cleared.
[[nodiscard]] Network masked(Network network);
[[nodiscard]] std::string network_text(const Network& network);

}  // namespace crier::config
