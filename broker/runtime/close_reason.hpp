// Why a connection was closed: the same words in metrics, in the log and in deploy/RUNBOOK.md.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace crier::runtime {

// The close codes of protocol/websocket/close_code.hpp, by their names there, and what ends without one.
enum class CloseReason : std::uint8_t {
  normal,
  going_away,
  protocol_error,
  unsupported_data,
  no_status,
  abnormal,
  invalid_payload,
  policy_violation,
  too_big,
  internal_error,
  service_restart,
  try_again_later,
  slow_consumer,
  unauthorized,
  token_expired,
  disconnected,
  rate_limited,
  heartbeat_timeout,
  http,     // it never was anything but HTTP, and ended like that
  refused,  // after a request, a handshake or a PROXY header that was refused
  other,    // a code of the client's own
};

inline constexpr std::array<std::string_view, 21> close_labels = {"normal",
                                                                  "going_away",
                                                                  "protocol_error",
                                                                  "unsupported_data",
                                                                  "no_status",
                                                                  "abnormal",
                                                                  "invalid_payload",
                                                                  "policy_violation",
                                                                  "too_big",
                                                                  "internal_error",
                                                                  "service_restart",
                                                                  "try_again_later",
                                                                  "slow_consumer",
                                                                  "unauthorized",
                                                                  "token_expired",
                                                                  "disconnected",
                                                                  "rate_limited",
                                                                  "heartbeat_timeout",
                                                                  "http",
                                                                  "refused",
                                                                  "other"};
static_assert(close_labels.size() == static_cast<std::size_t>(CloseReason::other) + 1);

[[nodiscard]] constexpr std::string_view to_string(CloseReason reason) noexcept {
  return close_labels[static_cast<std::size_t>(reason)];
}

// By its word; `other` for one that is none of them.
[[nodiscard]] constexpr CloseReason close_reason(std::string_view label) noexcept {
  const auto* const found = std::find(close_labels.begin(), close_labels.end(), label);
  return found == close_labels.end() ? CloseReason::other : static_cast<CloseReason>(found - close_labels.begin());
}
static_assert(close_reason("slow_consumer") == CloseReason::slow_consumer);
static_assert(close_reason("other") == CloseReason::other);

// What an operator makes of it: nothing; something about a client; something about the broker or its settings.
enum class Concern : std::uint8_t { none, client, broker };
[[nodiscard]] constexpr Concern concern_of(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::normal:
    case CloseReason::going_away:
    case CloseReason::no_status:
    case CloseReason::abnormal:
    case CloseReason::service_restart:
    case CloseReason::http:
    case CloseReason::refused:  // that it was refused stands in a line of its own
    case CloseReason::other: return Concern::none;
    case CloseReason::protocol_error:
    case CloseReason::unsupported_data:
    case CloseReason::invalid_payload:
    case CloseReason::policy_violation:
    case CloseReason::too_big:
    case CloseReason::try_again_later:
    case CloseReason::unauthorized:
    case CloseReason::token_expired:
    case CloseReason::disconnected:
    case CloseReason::heartbeat_timeout: return Concern::client;
    case CloseReason::internal_error:
    case CloseReason::slow_consumer:
    case CloseReason::rate_limited: return Concern::broker;
  }
  return Concern::none;
}

}  // namespace crier::runtime
