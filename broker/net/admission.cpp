#include "broker/net/admission.hpp"

#include <algorithm>
#include <utility>

#include "broker/auth/host_rule.hpp"
#include "broker/auth/origin.hpp"
#include "broker/net/demo/demo_assets.hpp"
#include "broker/net/stream_request.hpp"
#include "broker/runtime/jitter.hpp"
#include "protocol/http/response_writer.hpp"
#include "protocol/websocket/handshake.hpp"

namespace crier::net {

namespace {

using Decision = std::optional<Refusal>;

Decision refuse_host(const http::RequestHead& head, const AdmissionContext& context) {
  const auto misdirected = [](std::string detail) { return Refusal{421, "host", "misdirected", std::move(detail)}; };
  const bool protects = context.config.protects();
  const std::vector<std::string>& hosts = context.config.server.hosts;
  const std::string* const host = head.find("host");
  const auto place = host == nullptr ? std::nullopt : auth::parse_host(*host);
  // HTTP/1.0 without one: where names matter, none of ours was asked for.
  if (host != nullptr && !place)
    return misdirected("the Host header is not exactly a host name or address, and a port");
  if (protects && !(place && auth::protected_host_allowed(*place))) {
    return misdirected(
        "in protected mode only loopback names are served: call http://localhost, or put something in front "
        "that decides who gets through and set server.protected_mode = false");
  }
  if (!protects && !hosts.empty() && !(place && auth::host_listed(*place, hosts))) {
    return misdirected("the broker is not served under this name; list it in server.hosts");
  }
  return std::nullopt;
}

Decision refuse_origin(const http::RequestHead& head, const AdmissionContext& context) {
  const std::size_t origins = head.count("origin");
  if (origins == 0) return std::nullopt;  // no browser's request, or a page's own
  const std::string* const host = head.find("host");
  const auth::Called called{host == nullptr ? std::string_view{} : std::string_view(*host), context.secure};
  std::string why = "more than one Origin header";
  if (origins == 1 && auth::origin_allowed(*head.find("origin"), called, context.origins, why)) return std::nullopt;
  return Refusal{403, "origin", "forbidden", std::move(why)};
}

// A foreign page can ask for a stream as it asks for a picture (mode no-cors): without an Origin, and without reading
// what comes. It would still be a subscriber, and a member where there is presence.
Decision refuse_blind_stream(const http::RequestHead& head) {
  const std::string* const site = head.find("sec-fetch-site");
  if (site == nullptr || *site == "same-origin" || *site == "none" || head.count("origin") > 0) return std::nullopt;
  return Refusal{403, "origin", "forbidden",
                 "a page of another origin opens a stream by EventSource or fetch with CORS"};
}

Decision refuse_state(const http::RequestHead& /*head*/, const AdmissionContext& context) {
  if (!context.shutting_down) return std::nullopt;
  return Refusal{503, "draining", "unavailable", "the broker stops", {{"Retry-After", jittered_retry_after()}}};
}

Decision refuse_post(const http::RequestHead& head, const AdmissionContext& context) {
  if (!context.chunked && head.count("content-length") == 0) {
    return Refusal{411, "body", "length_required", "send Content-Length or a chunked body"};
  }
  const std::string* const type = head.find("content-type");
  if (type == nullptr || http::equals_ignoring_case(media_type(*type), "application/json")) return std::nullopt;
  if (is_cbor(head)) return std::nullopt;
  // What curl -d sends; from a page it would be a request without preflight, so there it is refused.
  const bool form = http::equals_ignoring_case(media_type(*type), "application/x-www-form-urlencoded");
  if (form && head.count("origin") == 0) return std::nullopt;
  return Refusal{415, "body", "unsupported_media_type", "send the commands as application/json or application/cbor"};
}

Decision refuse_place(const http::RequestHead& head, const AdmissionContext& context) {
  const config::Server& server = context.config.server;
  const bool commands = is_command_path(server, head.path());
  const bool echo = server.echo && head.path() == echo_path;
  const bool page = (context.config.protects() || server.demo_page) && find_asset(head.path()) != nullptr;
  if (!commands && !echo && !page) {
    std::string paths;
    for (const std::string& path : server.paths) paths += " " + path;
    return Refusal{404, "path", "not_found", "nothing is here; commands and WebSockets belong at" + paths};
  }
  const bool reads = head.method == "GET" || head.method == "HEAD";
  if (!reads && !(commands && (head.method == "POST" || head.method == "OPTIONS"))) {
    return Refusal{405,
                   "bad_method",
                   "method_not_allowed",
                   "this method is not for this path",
                   {{"Allow", commands ? "GET, HEAD, POST, OPTIONS" : "GET, HEAD"}}};
  }
  if (head.method == "POST") return refuse_post(head, context);
  if (context.expects_body) return Refusal{400, "body", "bad_request", "a body belongs to POST only"};
  if (head.method != "GET") return std::nullopt;
  if (!websocket::wants_websocket(head)) {
    return commands && wants_event_stream(head) ? refuse_blind_stream(head) : std::nullopt;
  }
  if (page) return Refusal{404, "path", "not_found", "no WebSocket is here"};
  if (context.requests_open) {
    return Refusal{400, "bad_upgrade", "bad_request", "an upgrade behind requests that have no answer yet"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> refuse_caller(const http::RequestHead& head, const AdmissionContext& context) {
  if (Decision refusal = refuse_host(head, context)) return refusal;
  return refuse_origin(head, context);
}

std::optional<Refusal> refuse(const http::RequestHead& head, const AdmissionContext& context) {
  for (const auto rule : {refuse_caller, refuse_state, refuse_place}) {
    if (Decision refusal = rule(head, context)) return refusal;
  }
  return std::nullopt;
}

bool is_command_path(const config::Server& server, std::string_view path) {
  return std::find(server.paths.begin(), server.paths.end(), path) != server.paths.end();
}

bool is_cbor(const http::RequestHead& head) {
  const std::string* const type = head.find("content-type");
  return type != nullptr && http::equals_ignoring_case(media_type(*type), cbor_media_type);
}

std::string_view media_type(std::string_view value) {
  std::string_view type = value.substr(0, value.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return type;
}

Refusal refusal_of(NoRoom why) {
  std::vector<http::Header> later{{"Retry-After", jittered_retry_after()}};
  switch (why) {
    case NoRoom::connections:
      return {503, reason_of(why), "unavailable", "the broker has as many connections as it may", std::move(later)};
    case NoRoom::connects_per_second:
      return {503, reason_of(why), "unavailable",
              "more connects in this second than limits.connects_per_second_max allows", std::move(later)};
    case NoRoom::connections_per_ip:
      return {429, reason_of(why), "limit_exceeded",
              "this address has as many connections as limits.connections_per_ip_max allows", std::move(later)};
  }
  __builtin_unreachable();
}

std::string answer_of(NoRoom why) {
  Refusal refusal = refusal_of(why);
  http::Response response =
      http::problem_response({refusal.status, std::string(refusal.code), std::move(refusal.detail), ""});
  for (http::Header& header : refusal.headers) response.headers.push_back(std::move(header));
  response.close = true;
  return http::write_response(response);
}

std::string jittered_retry_after() {
  return std::to_string(runtime::jitter(1, 10));
}

}  // namespace crier::net
