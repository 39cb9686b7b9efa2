// RFC 6455 section 4: the opening handshake, the server's end.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"
#include "protocol/http/request.hpp"
#include "protocol/websocket/deflate.hpp"

namespace crier::websocket {

// base64(SHA-1(key + RFC 6455's GUID)).
[[nodiscard]] std::string accept_value(std::string_view key);

struct HandshakeOptions {
  std::span<const std::string_view> subprotocols;  // what we speak; the client's order decides
  bool compression = true;
};

struct Upgrade {
  std::string accept;       // Sec-WebSocket-Accept
  std::string subprotocol;  // "": none asked for
  std::optional<DeflateAgreement> deflate;
};

// An upgrade that is refused: an HTTP status and what to tell. `reason` is a label for metrics; a test
// and the dashboards rely on these words:
//   bad_method        405  not GET
//   http_version      400  below HTTP/1.1
//   bad_host          400  not exactly one Host header (whether its name is ours is policy: 421)
//   body              400  a body announced; a GET that upgrades has none
//   bad_upgrade       400  no "websocket" in Upgrade, or no "upgrade" in Connection
//   bad_version       426  not exactly one Sec-WebSocket-Version, or another than 13
//   bad_key           400  not exactly one Sec-WebSocket-Key, or no base64 of 16 bytes
//   bad_subprotocol   400  an empty, repeated or ill-formed name
//   no_subprotocol    400  well-formed, but none that we speak; the detail lists those
//   bad_extensions    400  against the grammar of RFC 6455 9.1
struct HandshakeRefusal {
  int status = 400;
  std::string_view reason;
  std::string detail;

  // What the answer must carry beside the usual: a 426 names the version we speak (RFC 6455 4.4) and
  // the protocol to upgrade to (RFC 9110 15.5.22). A 405's Allow belongs to the path, which the caller knows.
  [[nodiscard]] std::vector<http::Header> headers() const;
};

// Does the request ask for a WebSocket at all (an Upgrade header that names websocket)?
[[nodiscard]] bool wants_websocket(const http::RequestHead& head);

// Every check of section 4.2.1. Which origins and hosts are welcome is policy, and is checked elsewhere.
[[nodiscard]] Result<Upgrade, HandshakeRefusal> check_upgrade(const http::RequestHead& head,
                                                              const HandshakeOptions& options);

// The 101 answer, complete with its empty line.
[[nodiscard]] std::string write_switching_protocols(const Upgrade& upgrade);

}  // namespace crier::websocket
