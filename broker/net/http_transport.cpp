#include "broker/net/http_transport.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "broker/auth/origin.hpp"
#include "broker/net/demo/demo_assets.hpp"
#include "broker/net/websocket_transport.hpp"
#include "broker/net/worker.hpp"
#include "protocol/command/channel_name.hpp"
#include "protocol/http/request_fault.hpp"
#include "protocol/websocket/handshake.hpp"
#include "protocol/websocket/utf8.hpp"

namespace crier::net {

namespace {

constexpr std::size_t pipeline_depth_max = 64;
constexpr std::array<std::string_view, 1> subprotocols = {"crier.v1.json"};
constexpr std::string_view echo_path = "/echo";
constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

constexpr std::string_view how_to_connect =
    "This is a Crier endpoint. Connect to it with a WebSocket:\n"
    "  const socket = new WebSocket('ws://HOST/message?channel=demo')\n"
    "or publish by POST:\n"
    "  curl -d '{\"op\":\"publish\",\"channel\":\"demo\",\"data\":\"hello\"}' http://HOST/message\n";

const Asset* find_asset(std::string_view path) {
  for (const Asset& asset : demo_assets()) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

std::string_view media_type(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return type;
}

void add_cors(http::Response& response, const std::string& origin) {
  if (origin.empty()) return;
  response.headers.push_back({"Access-Control-Allow-Origin", origin});
  response.headers.push_back({"Vary", "Origin"});
}

// The members that RFC 9457 asks for, behind those of the error object.
std::string with_problem_members(std::string error_json, int status, const std::string& detail,
                                 const std::string& request_id) {
  http::Problem problem{status, "", detail, request_id};
  const std::string members = http::problem_response(problem).body;
  error_json.pop_back();
  return error_json + "," + members.substr(1);
}

// Clients that were refused together should not come back together.
std::string jittered_retry_after() {
  unsigned char random = 0;
  static_cast<void>(RAND_bytes(&random, 1));  // jitter only: a failure costs nothing
  return std::to_string(1 + random % 10);
}

}  // namespace

HttpTransport::HttpTransport(Connection& connection)
    : connection_(connection),
      parser_({.head_bytes_max = connection.worker().config().limits.header_bytes_max,
               .body_bytes_max = connection.worker().config().limits.incoming_bytes_max}) {
  const Worker& worker = connection_.worker();
  request_deadline_ = connection_.worker().wheel().now() + ticks(worker.config().limits.handshake_timeout);
  connection_.set_deadline(request_deadline_);
}

HttpTransport::~HttpTransport() = default;

// --- input

std::unique_ptr<Transport> HttpTransport::on_bytes(std::span<char>& bytes) {
  if (full_) {
    rest_.append(bytes.data(), bytes.size());
    return nullptr;
  }
  return parse({bytes.data(), bytes.size()}, bytes);
}

std::unique_ptr<Transport> HttpTransport::parse(std::string_view input, std::span<char>& bytes) {
  while (!refused_ && !last_request_seen_) {
    if (due_.size() >= pipeline_depth_max) {
      rest_ = std::string(input);
      full_ = true;
      connection_.pause_reading();
      break;
    }
    http::ParseStep step = parser_.next(input);
    if (std::holds_alternative<http::NeedMore>(step)) break;
    if (auto* const fault = std::get_if<http::RequestFault>(&step)) {
      if (request_id_.empty()) request_id_ = connection_.worker().new_request_id();
      refuse(problem(fault->status, fault->reason, "bad_request", std::move(fault->detail)));
      break;
    }
    if (std::holds_alternative<http::HeadComplete>(step)) {
      if (!on_head()) break;
      continue;
    }
    if (auto carried_on = on_request()) {
      bytes = bytes.last(input.size());
      return carried_on;
    }
  }
  arm_deadline();
  return nullptr;
}

bool HttpTransport::on_head() {
  request_id_ = connection_.worker().new_request_id();
  origin_.clear();
  if (auto verdict = refuse_head()) {
    refuse(std::move(*verdict));
    return false;
  }
  request_deadline_ = connection_.worker().wheel().now() + ticks(connection_.worker().config().limits.body_timeout);
  const std::string* const expect = parser_.head().find("expect");
  continue_owed_ = expect != nullptr && http::equals_ignoring_case(*expect, "100-continue") && parser_.expects_body();
  send_due();
  return true;
}

std::unique_ptr<Transport> HttpTransport::on_request() {
  const http::RequestHead& head = parser_.head();
  continue_owed_ = false;
  if (head.method == "GET" && websocket::wants_websocket(head)) return upgrade();
  last_request_seen_ = !head.keep_alive();
  if (head.method == "POST") {
    due_.push_back(new_due());
    if (!session_) {
      session::HttpSession::Listener& listener = *this;
      session_ = std::make_unique<session::HttpSession>(connection_.worker().environment(), connection_,
                                                        connection_.worker().new_session_id(), listener);
    }
    if (!websocket::valid_utf8(parser_.body())) {
      due_.back().response = problem(400, "", "bad_request", "the body is not UTF-8").response;
    } else {
      session_->post(parser_.body());
    }
  } else {
    enqueue(answer_get());
  }
  parser_.reset();
  request_deadline_ = 0;
  send_due();
  return nullptr;
}

// --- what is refused by the head alone

std::optional<HttpTransport::Verdict> HttpTransport::refuse_head() {
  const http::RequestHead& head = parser_.head();
  const Worker& worker = connection_.worker();
  const std::string* const host = head.find("host");
  if (worker.config().server.protected_mode && (host == nullptr || !auth::protected_host_allowed(*host))) {
    return problem(421, "host", "misdirected",
                   "in protected mode only loopback names are served: call http://localhost, or configure keys and "
                   "set server.protected_mode = false");
  }
  if (const std::size_t origins = head.count("origin"); origins > 0) {
    std::string why = "more than one Origin header";
    const std::string& origin = *head.find("origin");
    if (origins > 1 || !auth::origin_allowed(origin, host == nullptr ? "" : *host, worker.origins(), why)) {
      return problem(403, "origin", "forbidden", std::move(why));
    }
    origin_ = origin;
  }
  if (head.count("authorization") > 0) {
    return problem(401, "token", "unauthorized", "tokens and keys are not available in this version: send none");
  }
  if (worker.shutting_down()) {
    Verdict verdict = problem(503, "draining", "unavailable", "the broker stops");
    verdict.response.headers.push_back({"Retry-After", jittered_retry_after()});
    return verdict;
  }
  return refuse_by_place();
}

std::optional<HttpTransport::Verdict> HttpTransport::refuse_by_place() {
  const http::RequestHead& head = parser_.head();
  const config::Server& server = connection_.worker().config().server;
  const bool commands = is_command_path(head.path());
  const bool echo = server.echo && head.path() == echo_path;
  const bool page = server.protected_mode && find_asset(head.path()) != nullptr;
  if (!commands && !echo && !page) {
    std::string paths;
    for (const std::string& path : server.paths) paths += " " + path;
    return problem(404, "path", "not_found", "nothing is here; commands and WebSockets belong at" + paths);
  }
  const bool reads = head.method == "GET" || head.method == "HEAD";
  if (!reads && !(commands && (head.method == "POST" || head.method == "OPTIONS"))) {
    Verdict verdict = problem(405, "bad_method", "method_not_allowed", "this method is not for this path");
    verdict.response.headers.push_back({"Allow", commands ? "GET, HEAD, POST, OPTIONS" : "GET, HEAD"});
    return verdict;
  }
  if (head.method == "POST") return refuse_post();
  if (parser_.expects_body()) return problem(400, "body", "bad_request", "a body belongs to POST only");
  if (head.method != "GET" || !websocket::wants_websocket(head)) return std::nullopt;
  if (page) return problem(404, "path", "not_found", "no WebSocket is here");
  if (!due_.empty()) return problem(400, "bad_upgrade", "bad_request", "an upgrade behind requests without answer");
  return std::nullopt;
}

std::optional<HttpTransport::Verdict> HttpTransport::refuse_post() const {
  const http::RequestHead& head = parser_.head();
  if (!parser_.chunked() && head.count("content-length") == 0) {
    return problem(411, "body", "length_required", "send Content-Length or a chunked body");
  }
  const std::string* const type = head.find("content-type");
  if (type == nullptr || http::equals_ignoring_case(media_type(*type), "application/json")) return std::nullopt;
  // What curl -d sends; from a page it would be a request without preflight, so there it is refused.
  const bool form = http::equals_ignoring_case(media_type(*type), "application/x-www-form-urlencoded");
  if (form && head.count("origin") == 0) return std::nullopt;
  return problem(415, "body", "unsupported_media_type", "send the commands as application/json");
}

HttpTransport::Verdict HttpTransport::problem(int status, std::string_view reason, std::string_view code,
                                              std::string detail) const {
  return {http::problem_response({status, std::string(code), std::move(detail), request_id_}), reason};
}

void HttpTransport::refuse(Verdict verdict) {
  connection_.worker().metrics().refused.add(verdict.reason);
  verdict.response.close = true;
  refused_ = true;
  add_cors(verdict.response, origin_);
  Due due = new_due();
  due.close = true;
  due.response = std::move(verdict.response);
  due_.push_back(std::move(due));
  send_due();
}

// --- answers

std::unique_ptr<Transport> HttpTransport::upgrade() {
  const http::RequestHead& head = parser_.head();
  Worker& worker = connection_.worker();
  const config::Config& config = worker.config();
  const bool echo = config.server.echo && head.path() == echo_path;
  const auto checked =
      websocket::check_upgrade(head, {.subprotocols = echo ? std::span<const std::string_view>{} : subprotocols,
                                      .compression = config.compression.enabled});
  if (!checked) {
    const websocket::HandshakeRefusal& refusal = checked.error();
    Verdict verdict = problem(refusal.status, refusal.reason, "bad_request", refusal.detail);
    for (http::Header header : refusal.headers()) verdict.response.headers.push_back(std::move(header));
    refuse(std::move(verdict));
    return nullptr;
  }
  std::vector<std::string> channels;
  for (auto& [name, value] : http::parse_query(head.query())) {
    if (name == "token") {
      refuse(problem(401, "token", "unauthorized", "tokens are not available in this version: send none"));
      return nullptr;
    }
    if (name != "channel" || echo) continue;
    if (std::string fault = command::check_channel_name(value); !fault.empty()) {
      refuse(problem(400, "bad_channel", "bad_request", "channel in the URL: " + fault));
      return nullptr;
    }
    channels.push_back(std::move(value));
  }
  send(websocket::write_switching_protocols(*checked));
  if (echo) return std::make_unique<EchoTransport>(connection_, *checked);
  auto transport = std::make_unique<BrokerTransport>(connection_, *checked);
  transport->start(channels);
  return transport;
}

http::Response HttpTransport::answer_get() const {
  const http::RequestHead& head = parser_.head();
  http::Response response;
  if (head.method == "OPTIONS") {
    response.status = 204;
    response.headers.push_back({"Allow", "GET, HEAD, POST, OPTIONS"});
    if (!origin_.empty()) {
      response.headers.push_back({"Access-Control-Allow-Methods", "GET, POST"});
      response.headers.push_back({"Access-Control-Allow-Headers", "Content-Type, Authorization"});
      response.headers.push_back({"Access-Control-Max-Age", "600"});
    }
    return response;
  }
  if (const Asset* const asset = is_command_path(head.path()) ? nullptr : find_asset(head.path())) {
    response.content_type = asset->content_type;
    response.body = asset->bytes;
    response.headers = {{"Content-Security-Policy", std::string(page_policy)},
                        {"X-Content-Type-Options", "nosniff"},
                        {"Referrer-Policy", "no-referrer"},
                        {"Cache-Control", "no-cache"}};
    return response;
  }
  if (const std::string* accept = head.find("accept");
      accept != nullptr && media_type(*accept) == "text/event-stream") {
    return problem(503, "", "unavailable", "server-sent events are not available in this version: use a WebSocket")
        .response;
  }
  response.status = 426;
  response.content_type = "text/plain; charset=utf-8";
  response.body = how_to_connect;
  response.headers = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Version", "13"}};
  return response;
}

HttpTransport::Due HttpTransport::new_due() const {
  Due due;
  due.request_id = request_id_;
  due.origin = origin_;
  due.close = last_request_seen_;
  due.head_only = parser_.head().method == "HEAD";
  return due;
}

void HttpTransport::enqueue(http::Response response) {
  Due due = new_due();
  due.close = due.close || response.status >= 400;
  add_cors(response, origin_);
  due.response = std::move(response);
  due_.push_back(std::move(due));
}

// Outcomes come in the order of the posts, so each belongs to the first one without an answer.
void HttpTransport::on_outcome(session::PostOutcome outcome) {
  const auto due = std::find_if(due_.begin(), due_.end(), [](const Due& one) { return !one.response; });
  if (due == due_.end()) return;  // the connection ends: nobody reads this any more
  http::Response response;
  response.status = outcome.status;
  response.body = std::move(outcome.body);
  if (!outcome.problem_code.empty()) {
    response.content_type = "application/problem+json";
    response.body =
        with_problem_members(std::move(response.body), outcome.status, outcome.problem_detail, due->request_id);
  }
  response.headers.push_back({"X-Content-Type-Options", "nosniff"});
  response.headers.push_back({"X-Request-Id", due->request_id});
  add_cors(response, due->origin);
  due->response = std::move(response);
  send_due();
}

void HttpTransport::send_due() {
  while (!due_.empty() && due_.front().response) {
    Due due = std::move(due_.front());
    due_.pop_front();
    due.response->close = due.close;
    due.response->head_only = due.head_only;
    send(http::write_response(*due.response));
    if (due.close) {
      due_.clear();
      connection_.finish();
      return;
    }
  }
  if (due_.empty() && continue_owed_) {
    continue_owed_ = false;
    send("HTTP/1.1 100 Continue\r\n\r\n");
  }
  if (full_ && due_.size() < pipeline_depth_max / 2) {
    full_ = false;
    connection_.resume_reading();
  }
}

void HttpTransport::on_resumed() {
  if (full_ || rest_.empty()) return;
  std::string rest;
  rest.swap(rest_);
  std::span<char> bytes(rest);
  const std::unique_ptr<Transport> carried_on = parse(rest, bytes);
  CRIER_ASSERT(!carried_on);  // an upgrade behind other requests was refused
}

void HttpTransport::send(std::string_view text) {
  connection_.outbox().own(connection_.worker().shard().chunks()).append(text);
  connection_.want_flush();
}

bool HttpTransport::is_command_path(std::string_view path) const {
  const auto& paths = connection_.worker().config().server.paths;
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

// --- time and ends

void HttpTransport::arm_deadline() {
  if (refused_ || connection_.closed()) return;
  const config::Limits& limits = connection_.worker().config().limits;
  const runtime::Tick now = connection_.worker().wheel().now();
  if (request_deadline_ == 0 && parser_.in_progress()) request_deadline_ = now + ticks(limits.handshake_timeout);
  connection_.set_deadline(request_deadline_ != 0 ? request_deadline_ : now + ticks(limits.idle_timeout));
}

void HttpTransport::on_deadline(runtime::Tick now) {
  if (!due_.empty()) return connection_.set_deadline(now + ticks(connection_.worker().config().limits.idle_timeout));
  if (!parser_.in_progress()) return connection_.close();
  if (request_id_.empty()) request_id_ = connection_.worker().new_request_id();
  refuse(problem(408, "timeout", "timeout",
                 "the request did not arrive in time (limits.handshake_timeout, limits.body_timeout)"));
}

void HttpTransport::on_peer_finished() {
  if (due_.empty()) return connection_.close();
  last_request_seen_ = true;
  due_.back().close = true;
}

void HttpTransport::on_overflow() {
  connection_.close(/*reset=*/true);
}

void HttpTransport::on_shutdown() {
  if (due_.empty()) return connection_.finish();
  last_request_seen_ = true;
  due_.back().close = true;
}

}  // namespace crier::net
