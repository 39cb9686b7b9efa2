// RFC 6455 section 4.1: the opening handshake, the client's end. Text in, text and values out; no I/O, no clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/http/response_parser.hpp"

namespace crier::websocket {

inline constexpr std::size_t handshake_nonce_bytes = 16;

struct UpgradeRequest {
  std::string host;                                          // the Host header: "example.com", "[::1]:8008"
  std::string target = "/message";                           // origin-form, query included
  std::array<unsigned char, handshake_nonce_bytes> nonce{};  // random, anew for each connection (4.1, item 7)
  std::vector<std::string> subprotocols;                     // in the order of preference; none: the header is left out
  bool compression = false;                                  // offers permessage-deflate, see deflate_offer
  std::vector<http::Header> headers;                         // more of them: Authorization, User-Agent
};

// 101, and everything about it as 4.1 demands. What follows in the input are frames.
struct HandshakeAccepted {
  std::string subprotocol;  // one of those asked for; "" where the server chose none
  bool deflate = false;     // what the server sends may be compressed, each message by itself

  friend bool operator==(const HandshakeAccepted&, const HandshakeAccepted&) = default;
};

// An answer of HTTP's, and no WebSocket.
struct HandshakeRefused {
  int status = 0;
  std::optional<std::uint32_t> retry_after_s;  // where the answer says it in seconds, not as a date
  std::string code;                            // of a problem (RFC 9457): "unauthorized"
  std::string detail;                          // its sentence; both are "" where the body is something else

  friend bool operator==(const HandshakeRefused&, const HandshakeRefused&) = default;
};

// This is no WebSocket server, or something in between has changed what it said. The rest of a sentence that
// begins with "the answer".
struct HandshakeFault {
  std::string detail;

  friend bool operator==(const HandshakeFault&, const HandshakeFault&) = default;
};

using ClientHandshakeStep = std::variant<http::NeedMore, HandshakeAccepted, HandshakeRefused, HandshakeFault>;

// One handshake. Send request() first, then give next() what comes. Memory is bounded by http::ResponseLimits.
class ClientHandshake {
 public:
  // A header of ours that is no header (a line end in its value) is a bug of the caller's, not checked bad input:
  // see http::is_token and http::is_field_value.
  explicit ClientHandshake(const UpgradeRequest& request);

  [[nodiscard]] const std::string& request() const { return request_; }

  // Takes bytes from the front of `input`. After anything but NeedMore the handshake is over; after
  // HandshakeAccepted what is left of the input are frames.
  [[nodiscard]] ClientHandshakeStep next(std::string_view& input);
  // The connection has ended before anything but NeedMore was said.
  [[nodiscard]] ClientHandshakeStep finish();

 private:
  [[nodiscard]] ClientHandshakeStep conclude(const http::ResponseStep& step);
  [[nodiscard]] ClientHandshakeStep judge_upgrade() const;
  [[nodiscard]] ClientHandshakeStep judge_extensions(HandshakeAccepted accepted) const;
  [[nodiscard]] HandshakeRefused refusal() const;

  std::string request_;
  std::string accept_;
  std::vector<std::string> subprotocols_;
  bool compression_;
  http::ResponseParser parser_;
};

}  // namespace crier::websocket
