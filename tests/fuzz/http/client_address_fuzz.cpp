// Properties: whatever X-Forwarded-For holds, the answer is the peer or an address, in one spelling; nobody whom no
// trusted proxy speaks for can change it; and what stands left of an untrusted address counts for nothing. The first
// byte chooses the peer.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/net/client_address.hpp"
#include "protocol/base/check.hpp"

namespace {

const std::array<std::string, 3> trusted = {"10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.0/120"};
constexpr std::array<std::string_view, 6> peers = {"10.0.0.1",        "2001:db8::1",   "192.0.2.1",
                                                   "::ffff:10.0.0.2", "198.51.100.10", "unix"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using crier::net::client_address;
  if (size == 0) return 0;
  const std::string_view peer = peers[data[0] % peers.size()];
  const std::string header(reinterpret_cast<const char*>(data) + 1, size - 1);

  const std::string client = client_address(peer, header, trusted);
  CRIER_ASSERT(!client.empty() && client.size() <= 45);
  if (client != "unix") CRIER_ASSERT(client_address(client, "", {}) == client);
  CRIER_ASSERT(client_address(peer, header, {}) == client_address(peer, "", {}));

  // Behind one untrusted address nothing else is asked for.
  const std::string appended = client_address(peer, header + ", 203.0.113.77", trusted);
  CRIER_ASSERT(appended == client_address(peer, "203.0.113.77", trusted));
  // Behind one more proxy the answer stays, unless that proxy is all there is to tell.
  const bool told = client_address(peer, "203.0.113.77", trusted) == "203.0.113.77";
  const std::string behind = client_address(peer, header + ", 10.9.9.9", trusted);
  if (told) CRIER_ASSERT(behind == client || behind == "10.9.9.9");
  return 0;
}
