// Arbitrary bytes as a request: whatever they are, an upgrade is granted only to what RFC 6455 4.2.1 allows,
// and nothing of the request but the key's digest and a chosen subprotocol reaches the answer.
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/base/check.hpp"
#include "protocol/http/request_parser.hpp"
#include "protocol/websocket/handshake.hpp"

namespace {

using namespace crier;

constexpr std::array<std::string_view, 2> ours = {"crier.v1.json", "crier.v1.cbor"};

constexpr std::array<std::string_view, 10> reasons = {"bad_method",     "http_version",  "bad_host", "body",
                                                      "bad_upgrade",    "bad_version",   "bad_key",  "bad_subprotocol",
                                                      "no_subprotocol", "bad_extensions"};

// Decoded and encoded again by OpenSSL, which knows nothing of our own check.
void check_key(const std::string& key) {
  CRIER_ASSERT(key.size() == 24 && key.ends_with("=="));
  std::array<unsigned char, 18> decoded;
  CRIER_ASSERT(EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(key.data()), 24) == 18);
  std::array<unsigned char, 25> encoded;
  CRIER_ASSERT(EVP_EncodeBlock(encoded.data(), decoded.data(), 16) == 24);
  CRIER_ASSERT(std::equal(key.begin(), key.end(), encoded.begin()));
}

void check_granted(const http::RequestHead& head, const websocket::Upgrade& upgrade) {
  CRIER_ASSERT(head.method == "GET" && head.minor_version >= 1 && websocket::wants_websocket(head));
  CRIER_ASSERT(head.count("Sec-WebSocket-Version") == 1 && *head.find("Sec-WebSocket-Version") == "13");
  CRIER_ASSERT(head.count("Transfer-Encoding") == 0);
  CRIER_ASSERT(head.count("Sec-WebSocket-Key") == 1);
  check_key(*head.find("Sec-WebSocket-Key"));
  CRIER_ASSERT(upgrade.accept.size() == 28);
  CRIER_ASSERT(upgrade.subprotocol.empty() == (head.count("Sec-WebSocket-Protocol") == 0));
  CRIER_ASSERT(upgrade.subprotocol.empty() || std::find(ours.begin(), ours.end(), upgrade.subprotocol) != ours.end());
  CRIER_ASSERT(head.joined("Sec-WebSocket-Protocol").find(upgrade.subprotocol) != std::string::npos);
  CRIER_ASSERT(!upgrade.deflate || head.count("Sec-WebSocket-Extensions") > 0);

  const std::string answer = websocket::write_switching_protocols(upgrade);
  CRIER_ASSERT(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  CRIER_ASSERT(answer.find("\r\n\r\n") == answer.size() - 4);
  const auto lines = std::count(answer.begin(), answer.end(), '\n');
  CRIER_ASSERT(lines == 5 + (upgrade.subprotocol.empty() ? 0 : 1) + (upgrade.deflate ? 1 : 0));
}

void check_refused(const websocket::HandshakeRefusal& refusal) {
  CRIER_ASSERT(refusal.status == 400 || refusal.status == 405 || refusal.status == 426);
  CRIER_ASSERT(std::find(reasons.begin(), reasons.end(), refusal.reason) != reasons.end());
  CRIER_ASSERT(!refusal.detail.empty());
  CRIER_ASSERT(refusal.headers().empty() == (refusal.status != 426));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  http::RequestParser parser{http::ParserLimits{}};
  if (!std::holds_alternative<http::HeadComplete>(parser.next(input))) return 0;
  const auto result = websocket::check_upgrade(parser.head(), {.subprotocols = ours});
  if (result) {
    CRIER_ASSERT(!parser.expects_body());
    check_granted(parser.head(), *result);
  } else {
    check_refused(result.error());
  }
  return 0;
}
