// Why a connection ended, and whether trying again can help: the one place where that is decided.
#pragma once

#include <chrono>
#include <crier/result.hpp>
#include <string>
#include <string_view>

#include "clients/cpp/url.hpp"
#include "protocol/websocket/client_handshake.hpp"
#include "protocol/websocket/close_code.hpp"
#include "protocol/websocket/frame.hpp"

namespace crier::client {

// What a broker may have us wait for, at most.
inline constexpr std::chrono::seconds retry_after_max{3600};

enum class Remedy : std::uint8_t {
  retry,                    // with backoff
  retry_if_it_once_worked,  // wrong from the start, most likely; a disturbance where it has worked before
  new_token,                // where there is somebody to ask for one
  none,
};

struct LinkEnd {
  Error error;
  Remedy remedy = Remedy::retry;
};

[[nodiscard]] LinkEnd end_unreachable(const Url& url, std::string_view why);
[[nodiscard]] LinkEnd end_by_tls(const Url& url, std::string_view why);
[[nodiscard]] LinkEnd end_by_refusal(const Url& url, const websocket::HandshakeRefused& refused);
[[nodiscard]] LinkEnd end_by_fault(const Url& url, const websocket::HandshakeFault& fault);
// The broker's close frame; final or not as protocol/websocket/close_code.hpp says.
[[nodiscard]] LinkEnd end_by_close(websocket::CloseCode code, std::string_view reason);
// The connection is gone without one.
[[nodiscard]] LinkEnd end_lost(std::string_view why);
// What came is no frame, or a frame over incoming_bytes_max.
[[nodiscard]] LinkEnd end_by_frame(websocket::FrameError error, std::size_t incoming_bytes_max);
// What came in a frame is nothing that a broker of ours says.
[[nodiscard]] LinkEnd end_by_message(std::string_view why);

}  // namespace crier::client
