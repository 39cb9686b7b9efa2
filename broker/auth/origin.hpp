// Which hosts a request may name and which pages may call us: pure decisions, no I/O.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace crier::auth {

// The parts of a Host header or of an origin, lower case, without default port.
struct HostPort {
  std::string host;  // "example.com", "127.0.0.1", "[::1]"
  int port = 0;      // 0: none given
  friend bool operator==(const HostPort&, const HostPort&) = default;
};
// nullopt for anything that is not exactly host[:port]: no user, no path, no trailing dot.
[[nodiscard]] std::optional<HostPort> parse_host(std::string_view text);

// localhost, 127.0.0.0/8 or [::1].
[[nodiscard]] bool is_loopback_host(std::string_view host);

// Protected mode's rule (421): loopback names and addresses, or 0.0.0.0, which some systems route there.
[[nodiscard]] bool protected_host_allowed(std::string_view host_header);

// May a page of that origin call us? `rules` are the entries of server.origins: "same", "local", "*", or
// scheme://host[:port] where the host may start with "*." for any subdomain. `why` says what refused.
[[nodiscard]] bool origin_allowed(std::string_view origin, std::string_view host_header,
                                  std::span<const std::string> rules, std::string& why);

// What server.origins means when it is not set.
[[nodiscard]] std::vector<std::string> default_origins(bool protected_mode);

}  // namespace crier::auth
