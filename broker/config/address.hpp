// HOST:PORT as it stands in the configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crier::config {

struct Address {
  std::string host;  // an IPv4 address, an IPv6 address without its brackets, or "localhost"
  std::uint16_t port = 0;
  bool loopback = false;

  friend bool operator==(const Address&, const Address&) = default;
};

// 127.0.0.1:8008, [::1]:8008 or localhost:8008; port 0 lets the system choose. Other host names are refused:
// what a listener binds to must not depend on a name server.
[[nodiscard]] std::optional<Address> parse_address(std::string_view text);

}  // namespace crier::config
