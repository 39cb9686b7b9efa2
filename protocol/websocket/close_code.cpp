#include "protocol/websocket/close_code.hpp"

namespace crier::websocket {

std::string_view to_string(CloseCode code) {
  // No default: -Wswitch names the forgotten case. Any other code a peer may send ends after the switch.
  switch (code) {
    case CloseCode::normal: return "normal";
    case CloseCode::going_away: return "going_away";
    case CloseCode::protocol_error: return "protocol_error";
    case CloseCode::unsupported_data: return "unsupported_data";
    case CloseCode::no_status: return "no_status";
    case CloseCode::abnormal: return "abnormal";
    case CloseCode::invalid_payload: return "invalid_payload";
    case CloseCode::policy_violation: return "policy_violation";
    case CloseCode::too_big: return "too_big";
    case CloseCode::internal_error: return "internal_error";
    case CloseCode::service_restart: return "service_restart";
    case CloseCode::try_again_later: return "try_again_later";
    case CloseCode::slow_consumer: return "slow_consumer";
    case CloseCode::unauthorized: return "unauthorized";
    case CloseCode::token_expired: return "token_expired";
    case CloseCode::disconnected: return "disconnected";
    case CloseCode::rate_limited: return "rate_limited";
    case CloseCode::heartbeat_timeout: return "heartbeat_timeout";
  }
  return "other";
}

bool valid_on_the_wire(std::uint16_t code) {
  // 1004 is reserved, 1005, 1006 and 1015 are for local use only, 1016-2999 are not assigned.
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

bool final_for_clients(CloseCode code) {
  // What trying again cannot mend: the client itself is at fault, or was sent away. token_expired is not
  // final, because a new token mends it.
  switch (code) {
    case CloseCode::protocol_error:
    case CloseCode::unsupported_data:
    case CloseCode::invalid_payload:
    case CloseCode::policy_violation:
    case CloseCode::too_big:
    case CloseCode::unauthorized:
    case CloseCode::disconnected: return true;
    default: return false;
  }
}

}  // namespace crier::websocket
