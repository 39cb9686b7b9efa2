// The close codes we send and receive: RFC 6455 7.4 and the contract's own. The one table.
#pragma once

#include <cstdint>
#include <string_view>

namespace crier::websocket {

enum class CloseCode : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  no_status = 1005,  // never on the wire: a close frame without a code
  abnormal = 1006,   // never on the wire: the connection ended without a close frame
  invalid_payload = 1007,
  policy_violation = 1008,
  too_big = 1009,
  internal_error = 1011,
  service_restart = 1012,
  try_again_later = 1013,
  slow_consumer = 4000,
  unauthorized = 4001,
  token_expired = 4002,
  disconnected = 4003,
  rate_limited = 4004,
  heartbeat_timeout = 4005,
};

// The name as it stands in metrics, logs and documentation ("slow_consumer"); "other" for an unknown code.
[[nodiscard]] std::string_view to_string(CloseCode code);

// May a peer send this code (RFC 6455 7.4.1, 7.4.2: 1000-1003, 1007-1014 and 3000-4999)?
[[nodiscard]] bool valid_on_the_wire(std::uint16_t code);

// Should a client give up, instead of connecting again with backoff and jitter?
[[nodiscard]] bool final_for_clients(CloseCode code);

}  // namespace crier::websocket
