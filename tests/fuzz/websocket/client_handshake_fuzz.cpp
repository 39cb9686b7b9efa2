// Arbitrary bytes as the answer to an upgrade; the first byte chooses what was asked for, the second where the answer
// is cut. A cut may delay the outcome, never change it, and only the one right Accept opens a WebSocket.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/base/check.hpp"
#include "protocol/websocket/client_handshake.hpp"

namespace {

using namespace crier;
using namespace crier::websocket;

struct Outcome {
  ClientHandshakeStep step;
  std::size_t left = 0;
};

Outcome outcome_of(const UpgradeRequest& request, std::string_view first, std::string_view second) {
  ClientHandshake handshake(request);
  Outcome outcome;
  outcome.step = handshake.next(first);
  if (std::holds_alternative<http::NeedMore>(outcome.step)) {
    CRIER_ASSERT(first.empty());
    outcome.step = handshake.next(second);
  }
  outcome.left = first.size() + second.size();
  if (std::holds_alternative<http::NeedMore>(outcome.step)) {
    CRIER_ASSERT(outcome.left == 0);
    outcome.step = handshake.finish();
    CRIER_ASSERT(!std::holds_alternative<http::NeedMore>(outcome.step));
    CRIER_ASSERT(!std::holds_alternative<HandshakeAccepted>(outcome.step));
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  UpgradeRequest request;
  request.host = "server.example.com";
  std::copy_n("the sample nonce", request.nonce.size(), request.nonce.begin());
  if ((data[0] & 1) != 0) request.subprotocols = {"crier.v1.json"};
  request.compression = (data[0] & 2) != 0;
  const std::string_view answer(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t cut = answer.empty() ? 0 : data[1] * (answer.size() + 1) / 256;

  const Outcome whole = outcome_of(request, answer, {});
  const Outcome pieces = outcome_of(request, answer.substr(0, cut), answer.substr(cut));
  CRIER_ASSERT(whole.step.index() == pieces.step.index());
  // After a fault nothing of the input means anything.
  CRIER_ASSERT(whole.left == pieces.left || std::holds_alternative<HandshakeFault>(whole.step));
  if (const auto* accepted = std::get_if<HandshakeAccepted>(&whole.step)) {
    CRIER_ASSERT(*accepted == std::get<HandshakeAccepted>(pieces.step));
    CRIER_ASSERT(answer.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != answer.npos);
    CRIER_ASSERT(accepted->subprotocol.empty() || !request.subprotocols.empty());
    CRIER_ASSERT(!accepted->deflate || request.compression);
  }
  if (const auto* refused = std::get_if<HandshakeRefused>(&whole.step)) {
    CRIER_ASSERT(*refused == std::get<HandshakeRefused>(pieces.step) && refused->status >= 200);
  }
  if (const auto* fault = std::get_if<HandshakeFault>(&whole.step)) {
    CRIER_ASSERT(*fault == std::get<HandshakeFault>(pieces.step) && !fault->detail.empty());
  }
  return 0;
}
