#include "broker/net/peer_address.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace crier::net {

std::string text_of_v4(const void* address) {
  std::array<char, INET_ADDRSTRLEN> text{};
  return inet_ntop(AF_INET, address, text.data(), text.size());
}

std::string text_of_v6(const void* address) {
  in6_addr v6{};
  std::memcpy(&v6, address, sizeof(v6));
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return text_of_v4(&v6.s6_addr[12]);
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(AF_INET6, &v6, text.data(), text.size());
}

std::string text_of(const sockaddr_storage& peer) {
  switch (peer.ss_family) {
    case AF_UNIX: return "unix";
    case AF_INET: return text_of_v4(&reinterpret_cast<const sockaddr_in*>(&peer)->sin_addr);
    case AF_INET6: return text_of_v6(&reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_addr);
    default: return "";
  }
}

}  // namespace crier::net
