// Which requests are let in, by their head alone: host, origin, place, method and kind of body.
// Pure: no socket, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/config.hpp"
#include "protocol/http/request.hpp"

namespace crier::net {

inline constexpr std::string_view echo_path = "/echo";

struct Refusal {
  int status = 400;
  std::string_view reason;  // a label for metrics, of runtime::refusal_labels
  std::string_view code;    // a word for programs, in the problem body
  std::string detail;       // a sentence for people
  std::vector<http::Header> headers = {};
  std::string_view credential_fault = {};  // of runtime::credential_fault_labels, where that was why
};

// What a decision depends on beside the head.
struct AdmissionContext {
  const config::Config& config;
  std::span<const std::string> origins;  // the rules in force
  bool secure = false;                   // TLS ends in this process
  bool shutting_down = false;
  bool requests_open = false;  // earlier ones of this connection wait for their answers
  bool chunked = false;        // the body of this one
  bool expects_body = false;
};

// Host and Origin alone: which names we are called by, and which pages may call. One rule for WebSocket, event streams,
// POST and preflights.
[[nodiscard]] std::optional<Refusal> refuse_caller(const http::RequestHead& head, const AdmissionContext& context);
[[nodiscard]] std::optional<Refusal> refuse(const http::RequestHead& head, const AdmissionContext& context);

[[nodiscard]] bool is_command_path(const config::Server& server, std::string_view path);

inline constexpr std::string_view cbor_media_type = "application/cbor";
// Does the body hold CBOR?
[[nodiscard]] bool is_cbor(const http::RequestHead& head);

// Before the ';' of a Content-Type or the like, without white space.
[[nodiscard]] std::string_view media_type(std::string_view value);

// There is no room for a connection, by the limit of this name.
enum class NoRoom : std::uint8_t { connections, connects_per_second, connections_per_ip };
inline constexpr std::size_t no_room_reasons = 3;
// As a label for metrics and logs.
[[nodiscard]] constexpr std::string_view reason_of(NoRoom why) {
  switch (why) {
    case NoRoom::connections: return "capacity";
    case NoRoom::connects_per_second: return "connects_per_second";
    case NoRoom::connections_per_ip: return "connections_per_ip";
  }
  __builtin_unreachable();
}
[[nodiscard]] Refusal refusal_of(NoRoom why);
// As an answer before anything was read, behind which the connection ends.
[[nodiscard]] std::string answer_of(NoRoom why);

// For Retry-After: clients that were refused together should not come back together.
[[nodiscard]] std::string jittered_retry_after();

}  // namespace crier::net
