#include "protocol/websocket/handshake.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/base/check.hpp"
#include "protocol/http/head_syntax.hpp"

namespace crier::websocket {
namespace {

constexpr std::string_view guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3
constexpr std::string_view version = "13";
constexpr std::size_t sha1_bytes = 20;
constexpr std::size_t key_chars = 24;  // base64 of 16 bytes: 22 characters and "=="

using Refused = std::optional<HandshakeRefusal>;

// Looking the digest up by name takes a lock and costs more than the hash itself: once is enough.
const EVP_MD* sha1() {
  static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  CRIER_ASSERT(digest != nullptr);
  return digest;
}

// Canonical only: the last character before "==" stands for two bits, so its other four are zero.
bool is_key(std::string_view text) {
  constexpr std::string_view last_chars = "AQgw";
  if (text.size() != key_chars || !text.ends_with("==")) return false;
  const std::string_view digits = text.substr(0, key_chars - 2);
  const auto is_digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  return std::all_of(digits.begin(), digits.end(), is_digit) && last_chars.find(digits.back()) != last_chars.npos;
}

bool announces_body(const http::RequestHead& head) {
  return std::any_of(head.headers.begin(), head.headers.end(), [](const http::Header& header) {
    if (http::equals_ignoring_case(header.name, "Transfer-Encoding")) return true;
    return http::equals_ignoring_case(header.name, "Content-Length") &&
           header.value.find_first_not_of('0') != std::string::npos;
  });
}

// 4.2.1, items 1 to 4: a request that may be upgraded at all.
Refused check_request(const http::RequestHead& head) {
  if (head.method != "GET") return HandshakeRefusal{405, "bad_method", "A WebSocket is opened with GET."};
  if (head.minor_version < 1) return HandshakeRefusal{400, "http_version", "A WebSocket needs HTTP/1.1."};
  if (head.count("Host") != 1) return HandshakeRefusal{400, "bad_host", "Exactly one Host header is required."};
  if (announces_body(head)) return HandshakeRefusal{400, "body", "A request for a WebSocket has no body."};
  if (!wants_websocket(head)) return HandshakeRefusal{400, "bad_upgrade", "The Upgrade header must name websocket."};
  if (!head.has_token("Connection", "upgrade")) {
    return HandshakeRefusal{400, "bad_upgrade", "The Connection header must name Upgrade."};
  }
  return std::nullopt;
}

// 4.2.1, items 5 and 6. The version first: a client of another version may have keys of another kind.
Refused check_version_and_key(const http::RequestHead& head) {
  if (head.count("Sec-WebSocket-Version") != 1 || *head.find("Sec-WebSocket-Version") != version) {
    return HandshakeRefusal{426, "bad_version", "Sec-WebSocket-Version must be there once and be 13."};
  }
  if (head.count("Sec-WebSocket-Key") != 1 || !is_key(*head.find("Sec-WebSocket-Key"))) {
    return HandshakeRefusal{400, "bad_key", "Sec-WebSocket-Key must be there once and be the base64 form of 16 bytes."};
  }
  return std::nullopt;
}

HandshakeRefusal no_subprotocol(std::span<const std::string_view> ours) {
  if (ours.empty()) return {400, "no_subprotocol", "No subprotocol is spoken here; ask for none."};
  std::string detail = "None of the subprotocols asked for is spoken here. Spoken are: ";
  for (const std::string_view name : ours) detail.append(name).append(name == ours.back() ? "." : ", ");
  return {400, "no_subprotocol", std::move(detail)};
}

// 4.1, item 10: names are non-empty, tokens, and unique. "" when the client asks for none.
Result<std::string, HandshakeRefusal> choose_subprotocol(const http::RequestHead& head,
                                                         std::span<const std::string_view> ours) {
  if (head.count("Sec-WebSocket-Protocol") == 0) return std::string();
  const std::string list = head.joined("Sec-WebSocket-Protocol");
  std::vector<std::string_view> wanted;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    wanted.push_back(http::trim(std::string_view(list).substr(begin, end - begin)));
    if (!http::is_token(wanted.back())) {
      return HandshakeRefusal{400, "bad_subprotocol", "Sec-WebSocket-Protocol holds a name that is empty or no token."};
    }
    begin = end + 1;
  }
  // Sorted, because comparing each with each would let one head of 16 KiB cost millions of comparisons.
  std::vector<std::string_view> sorted = wanted;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return HandshakeRefusal{400, "bad_subprotocol", "Sec-WebSocket-Protocol holds a name twice."};
  }
  const auto spoken = [&](std::string_view name) { return std::find(ours.begin(), ours.end(), name) != ours.end(); };
  const auto chosen = std::find_if(wanted.begin(), wanted.end(), spoken);
  if (chosen == wanted.end()) return no_subprotocol(ours);
  return std::string(*chosen);
}

}  // namespace

std::string accept_value(std::string_view key) {
  std::string text;
  text.reserve(key.size() + guid.size());
  text.append(key).append(guid);
  std::array<unsigned char, sha1_bytes> digest;
  CRIER_ASSERT(EVP_Digest(text.data(), text.size(), digest.data(), nullptr, sha1(), nullptr) == 1);
  std::array<unsigned char, (sha1_bytes + 2) / 3 * 4 + 1> base64;  // EVP_EncodeBlock adds a NUL
  const int chars = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  return {base64.begin(), base64.begin() + chars};
}

std::vector<http::Header> HandshakeRefusal::headers() const {
  if (status != 426) return {};
  return {{"Sec-WebSocket-Version", std::string(version)}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
}

bool wants_websocket(const http::RequestHead& head) {
  return head.has_token("Upgrade", "websocket");
}

Result<Upgrade, HandshakeRefusal> check_upgrade(const http::RequestHead& head, const HandshakeOptions& options) {
  if (Refused refused = check_request(head)) return std::move(*refused);
  if (Refused refused = check_version_and_key(head)) return std::move(*refused);
  auto subprotocol = choose_subprotocol(head, options.subprotocols);
  if (!subprotocol) return std::move(subprotocol.error());

  Upgrade upgrade;
  upgrade.subprotocol = std::move(*subprotocol);
  if (head.count("Sec-WebSocket-Extensions") > 0) {
    // The grammar counts even where compression is off: a request is well-formed or not, whatever we speak.
    const DeflateNegotiation negotiation = negotiate_deflate(head.joined("Sec-WebSocket-Extensions"));
    if (negotiation.malformed) {
      return HandshakeRefusal{400, "bad_extensions", "Sec-WebSocket-Extensions is malformed (RFC 6455, section 9.1)."};
    }
    if (options.compression) upgrade.deflate = negotiation.agreement;
  }
  upgrade.accept = accept_value(*head.find("Sec-WebSocket-Key"));
  return upgrade;
}

std::string write_switching_protocols(const Upgrade& upgrade) {
  std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ";
  answer += upgrade.accept;
  if (!upgrade.subprotocol.empty()) answer.append("\r\nSec-WebSocket-Protocol: ").append(upgrade.subprotocol);
  if (upgrade.deflate) answer.append("\r\nSec-WebSocket-Extensions: ").append(extension_header(*upgrade.deflate));
  answer += "\r\n\r\n";
  return answer;
}

}  // namespace crier::websocket
