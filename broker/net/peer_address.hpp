// A peer's address as text, without a port, from what sockets and PROXY headers hold.
#pragma once

#include <sys/socket.h>

#include <string>

namespace crier::net {

// Four bytes in network order.
[[nodiscard]] std::string text_of_v4(const void* address);
// Sixteen. An IPv4 address in IPv6's clothes is one of IPv4: it is compared with networks.
[[nodiscard]] std::string text_of_v6(const void* address);
// "unix": a socket in the file system. "": none of these.
[[nodiscard]] std::string text_of(const sockaddr_storage& peer);

}  // namespace crier::net
