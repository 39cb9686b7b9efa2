#include "clients/cpp/verdict.hpp"

#include <algorithm>

namespace crier::client {

namespace {

Error make_error(ErrorCode code, std::string message) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  return error;
}

std::string at(const Url& url) {
  return "the broker at " + url.text();
}

// What to do about a status, where the answer itself says nothing.
std::string_view advice(int status) {
  switch (status) {
    case 401: return "it wants a token or key: give one (token, token_source)";
    case 403: return "this client may not connect there";
    case 404: return "is the URL's path one of server.paths?";
    case 421: return "is the URL's host one of server.hosts?";
    case 429: return "too many connections of this address";
    case 502:
    case 503:
    case 504: return "there is no room, or it is being restarted";
    default: return "is that URL a broker's?";
  }
}

// Of what an HTTP server that is none of ours, or a proxy, might say as well.
Remedy remedy_for_status(int status) {
  if (status == 401) return Remedy::new_token;
  if (status == 403) return Remedy::none;
  if (status == 408 || status == 425 || status == 429 || status >= 500) return Remedy::retry;
  return Remedy::retry_if_it_once_worked;
}

ErrorCode code_for_status(const websocket::HandshakeRefused& refused) {
  if (refused.status == 401)
    return refused.code == "token_expired" ? ErrorCode::token_expired : ErrorCode::unauthorized;
  if (refused.status == 403) return ErrorCode::forbidden;
  if (refused.status >= 200 && refused.status < 400) return ErrorCode::not_crier;
  return ErrorCode::refused;
}

ErrorCode code_for_close(websocket::CloseCode code) {
  switch (code) {
    case websocket::CloseCode::unauthorized: return ErrorCode::unauthorized;
    case websocket::CloseCode::token_expired: return ErrorCode::token_expired;
    case websocket::CloseCode::rate_limited: return ErrorCode::rate_limited;
    case websocket::CloseCode::too_big: return ErrorCode::too_large;
    default: return ErrorCode::refused;
  }
}

// What the code means for whoever runs this client; "" where the broker's own reason says enough.
std::string_view meaning(websocket::CloseCode code) {
  switch (code) {
    case websocket::CloseCode::too_big: return ": a message was over its limits.incoming_bytes_max";
    case websocket::CloseCode::slow_consumer: return ": this client reads too slowly";
    case websocket::CloseCode::token_expired: return ": the token is over; give a token_source to renew it in time";
    case websocket::CloseCode::disconnected: return ": a service has sent this client away";
    case websocket::CloseCode::rate_limited: return ": this client sends too much";
    case websocket::CloseCode::service_restart: return ": it is being restarted";
    default: return "";
  }
}

}  // namespace

LinkEnd end_unreachable(const Url& url, std::string_view why) {
  std::string text = at(url) + " cannot be reached: ";
  text.append(why);
  return {make_error(ErrorCode::unreachable, std::move(text)), Remedy::retry};
}

LinkEnd end_by_tls(const Url& url, std::string_view why) {
  std::string text = at(url) + ": ";
  text.append(why);
  return {make_error(ErrorCode::tls, std::move(text)), Remedy::retry_if_it_once_worked};
}

LinkEnd end_by_refusal(const Url& url, const websocket::HandshakeRefused& refused) {
  std::string text = at(url) + " refused the connection with HTTP status " + std::to_string(refused.status) + ": ";
  text.append(refused.detail.empty() ? advice(refused.status) : std::string_view(refused.detail));
  LinkEnd end{make_error(code_for_status(refused), std::move(text)), remedy_for_status(refused.status)};
  end.error.http_status = refused.status;
  if (refused.retry_after_s) {
    end.error.retry_after = std::min(std::chrono::seconds(*refused.retry_after_s), retry_after_max);
  }
  return end;
}

LinkEnd end_by_fault(const Url& url, const websocket::HandshakeFault& fault) {
  std::string text = "no Crier broker answers at " + url.text() + ": the answer " + fault.detail +
                     "; check host, port and path, and whether a proxy in between lets WebSockets through";
  return {make_error(ErrorCode::not_crier, std::move(text)), Remedy::retry_if_it_once_worked};
}

LinkEnd end_by_close(websocket::CloseCode code, std::string_view reason) {
  const int number = static_cast<int>(code);
  std::string text = "the broker closed the connection with " + std::to_string(number);
  text.append(" (").append(websocket::to_string(code)).append(")").append(meaning(code));
  if (!reason.empty()) text.append(": ").append(reason);
  LinkEnd end{make_error(code_for_close(code), std::move(text)), Remedy::retry};
  end.error.close_code = number;
  if (code == websocket::CloseCode::token_expired) end.remedy = Remedy::new_token;
  if (websocket::final_for_clients(code)) end.remedy = Remedy::none;
  return end;
}

LinkEnd end_lost(std::string_view why) {
  std::string text = "the connection to the broker was lost: ";
  text.append(why);
  return {make_error(ErrorCode::connection_lost, std::move(text)), Remedy::retry};
}

LinkEnd end_by_frame(websocket::FrameError error, std::size_t incoming_bytes_max) {
  if (error == websocket::FrameError::too_big) {
    std::string text = "the broker sent a message over " + std::to_string(incoming_bytes_max) +
                       " bytes: raise incoming_bytes_max, or it would come again after every reconnect";
    return {make_error(ErrorCode::too_large, std::move(text)), Remedy::none};
  }
  std::string text = "what came is no WebSocket frame: ";
  text.append(describe(error).reason).append("; something in between changes it");
  return {make_error(ErrorCode::not_crier, std::move(text)), Remedy::retry_if_it_once_worked};
}

LinkEnd end_by_message(std::string_view why) {
  std::string text = "what came is no message of a Crier broker: ";
  text.append(why).append("; check the URL, and the versions of broker and client");
  return {make_error(ErrorCode::not_crier, std::move(text)), Remedy::retry_if_it_once_worked};
}

}  // namespace crier::client
