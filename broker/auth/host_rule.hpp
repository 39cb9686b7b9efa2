// Which hosts a request may name: pure decisions, no I/O.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace crier::auth {

// The parts of a Host header or of an origin, lower case, without default port.
struct HostPort {
  std::string host;  // "example.com", "127.0.0.1", "[::1]": an IPv6 address in its one canonical spelling
  int port = 0;      // 0: none given
  friend bool operator==(const HostPort&, const HostPort&) = default;
};
// nullopt for anything that is not exactly host[:port]: no user, no path, no trailing dot.
[[nodiscard]] std::optional<HostPort> parse_host(std::string_view text);

// localhost, 127.0.0.0/8 or [::1]. As `parse_host` gives it.
[[nodiscard]] bool is_loopback_host(std::string_view host);
// An IPv4 or IPv6 address, as `parse_host` gives it. No name server was asked for it, so nobody could rebind it.
[[nodiscard]] bool is_address_host(std::string_view host);

// Protected mode's rule: loopback names and addresses, or 0.0.0.0, which some systems route there.
[[nodiscard]] bool protected_host_allowed(const HostPort& place);

// Is the host one of `names` (host names and addresses without ports, any case) or loopback? Whatever the port, as a
// proxy may listen on another one.
//
// Loopback is always served: a browser sends that Host only to what its own machine has there, and never after it has
// asked a name server, so that a rebound name can never be one. Health checks and tools of the machine itself need it.
[[nodiscard]] bool host_listed(const HostPort& place, std::span<const std::string> names);

}  // namespace crier::auth
