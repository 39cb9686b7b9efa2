#include "protocol/websocket/client_handshake.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "protocol/base/check.hpp"
#include "protocol/http/head_syntax.hpp"
#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/handshake.hpp"

namespace crier::websocket {

namespace {

constexpr std::uint32_t retry_after_max_s = 24 * 60 * 60;

std::string base64(const std::array<unsigned char, handshake_nonce_bytes>& nonce) {
  std::array<unsigned char, (handshake_nonce_bytes + 2) / 3 * 4 + 1> text;  // EVP_EncodeBlock adds a NUL
  const int chars = EVP_EncodeBlock(text.data(), nonce.data(), static_cast<int>(nonce.size()));
  return {text.begin(), text.begin() + chars};
}

void append_header(std::string& text, std::string_view name, std::string_view value) {
  CRIER_ASSERT(http::is_token(name) && http::is_field_value(value));
  text.append(name).append(": ").append(value).append("\r\n");
}

std::string write_request(const UpgradeRequest& request, std::string_view key) {
  std::string text = "GET ";
  text.append(request.target).append(" HTTP/1.1\r\n");
  append_header(text, "Host", request.host);
  append_header(text, "Upgrade", "websocket");
  append_header(text, "Connection", "Upgrade");
  append_header(text, "Sec-WebSocket-Version", "13");
  append_header(text, "Sec-WebSocket-Key", key);
  if (!request.subprotocols.empty()) {
    std::string list;
    for (const std::string& name : request.subprotocols) list.append(list.empty() ? "" : ", ").append(name);
    append_header(text, "Sec-WebSocket-Protocol", list);
  }
  if (request.compression) append_header(text, "Sec-WebSocket-Extensions", deflate_offer);
  for (const http::Header& header : request.headers) append_header(text, header.name, header.value);
  text.append("\r\n");
  return text;
}

// RFC 9110 10.2.3: seconds, or a date, which nobody here sends and which would need a clock.
std::optional<std::uint32_t> retry_after(const http::ResponseHead& head) {
  const std::string* const value = head.find("Retry-After");
  if (value == nullptr) return std::nullopt;
  auto seconds = http::parse_content_length(*value);
  if (!seconds) return std::nullopt;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(*seconds, retry_after_max_s));
}

}  // namespace

ClientHandshake::ClientHandshake(const UpgradeRequest& request)
    : subprotocols_(request.subprotocols), compression_(request.compression) {
  const std::string key = base64(request.nonce);
  request_ = write_request(request, key);
  accept_ = accept_value(key);
}

ClientHandshakeStep ClientHandshake::next(std::string_view& input) {
  http::ResponseStep step = parser_.next(input);
  if (std::holds_alternative<http::HeadComplete>(step)) step = parser_.next(input);
  return conclude(step);
}

ClientHandshakeStep ClientHandshake::finish() {
  return conclude(parser_.finish());
}

ClientHandshakeStep ClientHandshake::conclude(const http::ResponseStep& step) {
  if (const auto* fault = std::get_if<http::ResponseFault>(&step)) return HandshakeFault{fault->detail};
  if (!std::holds_alternative<http::ResponseComplete>(step)) return http::NeedMore{};
  if (parser_.head().status != 101) return refusal();
  return judge_upgrade();
}

// 4.1, the list at its end. A value that stands twice is as wrong as a missing one.
ClientHandshakeStep ClientHandshake::judge_upgrade() const {
  const http::ResponseHead& head = parser_.head();
  const auto* const upgrade = head.find("Upgrade");
  if (head.count("Upgrade") != 1 || !http::equals_ignoring_case(*upgrade, "websocket")) {
    return HandshakeFault{"switches to something else than a WebSocket (Upgrade)"};
  }
  if (!head.has_token("Connection", "upgrade")) return HandshakeFault{"has no \"Connection: Upgrade\""};
  const auto* const accept = head.find("Sec-WebSocket-Accept");
  if (head.count("Sec-WebSocket-Accept") != 1 || *accept != accept_) {
    return HandshakeFault{"does not fit this request (Sec-WebSocket-Accept)"};
  }
  HandshakeAccepted accepted;
  const std::size_t chosen = head.count("Sec-WebSocket-Protocol");
  if (chosen > 0) {
    accepted.subprotocol = *head.find("Sec-WebSocket-Protocol");
    const bool asked =
        std::find(subprotocols_.begin(), subprotocols_.end(), accepted.subprotocol) != subprotocols_.end();
    if (chosen > 1 || !asked) return HandshakeFault{"names a subprotocol that was not asked for"};
  }
  return judge_extensions(std::move(accepted));
}

ClientHandshakeStep ClientHandshake::judge_extensions(HandshakeAccepted accepted) const {
  const http::ResponseHead& head = parser_.head();
  if (head.count("Sec-WebSocket-Extensions") == 0) return accepted;
  if (!compression_) return HandshakeFault{"names an extension that was not offered"};
  if (!accepts_deflate_offer(head.joined("Sec-WebSocket-Extensions"))) {
    return HandshakeFault{"names an extension, or a parameter of one, that does not fit the offer"};
  }
  accepted.deflate = true;
  return accepted;
}

HandshakeRefused ClientHandshake::refusal() const {
  HandshakeRefused refused;
  refused.status = parser_.head().status;
  refused.retry_after_s = retry_after(parser_.head());
  http::ProblemText problem = http::parse_problem(parser_.body());
  refused.code = std::move(problem.code);
  refused.detail = std::move(problem.detail);
  return refused;
}

}  // namespace crier::websocket
