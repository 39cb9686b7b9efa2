// Who is behind trusted proxies: pure, for log lines and for the start of a connection.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace crier::net {

// The client's address as text, without its port: `peer`, or, where that is in one of the `trusted` networks
// (server.trusted_proxies), the rightmost address of X-Forwarded-For that is in none of them.
//
// `peer` is Connection::peer_address(), so of the socket or of a PROXY header. "unix" is on this machine, and counts as
// 127.0.0.1. `forwarded_for` is the header, its lines joined. Every proxy appends whom it saw, so that
// what stands further left than the first untrusted address is what the client made up. An entry that is no address
// ends the walk: the last hop that could be told is the answer. An IPv4 address in IPv6's spelling is the IPv4 one.
[[nodiscard]] std::string client_address(std::string_view peer, std::string_view forwarded_for,
                                         std::span<const std::string> trusted);

// Is `peer` in one of the `trusted` networks? As above: "unix" counts as 127.0.0.1.
[[nodiscard]] bool is_trusted_proxy(std::string_view peer, std::span<const std::string> trusted);

}  // namespace crier::net
