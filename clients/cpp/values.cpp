// The small things of the public headers.
#include <crier/message.hpp>
#include <crier/result.hpp>

#include "protocol/command/base64.hpp"
#include "protocol/command/json_codec.hpp"

namespace crier::client {

namespace {

std::string decode(std::string_view data, bool binary) {
  if (!binary) return std::string(data);
  std::string bytes;
  data.remove_prefix(1);  // the quotes
  data.remove_suffix(1);
  command::append_base64_decoded(bytes, data);
  return bytes;
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_request: return "bad_request";
    case ErrorCode::unauthorized: return "unauthorized";
    case ErrorCode::token_expired: return "token_expired";
    case ErrorCode::forbidden: return "forbidden";
    case ErrorCode::already_subscribed: return "already_subscribed";
    case ErrorCode::not_subscribed: return "not_subscribed";
    case ErrorCode::too_large: return "too_large";
    case ErrorCode::rate_limited: return "rate_limited";
    case ErrorCode::limit_exceeded: return "limit_exceeded";
    case ErrorCode::unrecoverable_position: return "unrecoverable_position";
    case ErrorCode::unavailable: return "unavailable";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::internal: return "internal";
    case ErrorCode::bad_option: return "bad_option";
    case ErrorCode::queue_full: return "queue_full";
    case ErrorCode::unreachable: return "unreachable";
    case ErrorCode::tls: return "tls";
    case ErrorCode::refused: return "refused";
    case ErrorCode::not_crier: return "not_crier";
    case ErrorCode::connection_lost: return "connection_lost";
    case ErrorCode::offline: return "offline";
    case ErrorCode::closed: return "closed";
  }
  return "other";
}

std::string_view to_string(State state) {
  switch (state) {
    case State::connecting: return "connecting";
    case State::connected: return "connected";
    case State::waiting: return "waiting";
    case State::closed: return "closed";
  }
  return "other";
}

std::string Message::bytes() const {
  return decode(data, binary);
}

std::string StoredMessage::bytes() const {
  return decode(data, binary);
}

std::string json_string(std::string_view text) {
  std::string json;
  command::append_json_string(json, text);
  return json;
}

}  // namespace crier::client
