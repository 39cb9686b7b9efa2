#include "broker/net/http_transport.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include "broker/net/client_address.hpp"
#include "broker/net/credentials.hpp"
#include "broker/net/demo/demo_assets.hpp"
#include "broker/net/response_headers.hpp"
#include "broker/net/stream_request.hpp"
#include "broker/net/worker.hpp"
#include "broker/runtime/log_site.hpp"
#include "protocol/command/cbor_writer.hpp"
#include "protocol/http/event_stream.hpp"
#include "protocol/http/request_fault.hpp"
#include "protocol/websocket/handshake.hpp"
#include "protocol/websocket/utf8.hpp"

namespace crier::net {

namespace {

constexpr std::size_t pipeline_depth_max = 64;
// While the broker stops.
constexpr std::chrono::milliseconds last_request_patience = std::chrono::seconds{1};
constexpr std::string_view how_to_connect =
    "This is a Crier endpoint. Connect to it with a WebSocket:\n"
    "  const socket = new WebSocket('ws://HOST/message?channel=demo')\n"
    "or with server-sent events:\n"
    "  curl -N -H 'Accept: text/event-stream' http://HOST/message?channel=demo\n"
    "or publish by POST:\n"
    "  curl -d '{\"op\":\"publish\",\"channel\":\"demo\",\"data\":\"hello\"}' http://HOST/message\n";

// A browser's EventSource gives up for good on any answer but 200, so that "not now" is a stream which ends.
http::Response come_back_later() {
  http::Response response;
  response.content_type = http::event_stream_type;
  http::append_retry(response.body, jittered_retry_ms());
  return response;
}

// The members that RFC 9457 asks for, behind those of the error object.
std::string with_problem_members(std::string error_json, int status, const std::string& detail,
                                 const std::string& request_id) {
  http::Problem problem{status, "", detail, request_id};
  const std::string members = http::problem_response(problem).body;
  error_json.pop_back();
  return error_json + "," + members.substr(1);
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
  std::string_view input(bytes.data(), bytes.size());
  const auto take_all = [&] { bytes = bytes.last(0); };
  while (!last_request_seen_ && !connection_.reading_paused()) {
    if (due_.size() >= pipeline_depth_max) {
      full_ = true;
      connection_.pause_reading();
      break;
    }
    http::ParseStep step = parser_.next(input);
    bytes = bytes.last(input.size());
    if (std::holds_alternative<http::NeedMore>(step)) break;
    if (auto* const fault = std::get_if<http::RequestFault>(&step)) {
      if (request_id_.empty()) request_id_ = connection_.worker().new_request_id();
      origin_ = readable_for(parser_.head(), admission());
      refuse({fault->status, fault->reason, "bad_request", std::move(fault->detail)});
      break;
    }
    if (std::holds_alternative<http::HeadComplete>(step)) {
      if (!on_head()) break;
      continue;
    }
    if (auto carried_on = on_request()) return carried_on;
  }
  if (last_request_seen_) take_all();  // whatever follows the last request is nobody's
  arm_deadline();
  return nullptr;
}

AdmissionContext HttpTransport::admission() const {
  const Worker& worker = connection_.worker();
  return {.config = worker.config(),
          .origins = worker.origins(),
          .secure = connection_.secure(),
          .shutting_down = worker.shutting_down(),
          .requests_open = !due_.empty(),
          .chunked = parser_.chunked(),
          .expects_body = parser_.expects_body()};
}

std::string HttpTransport::client() const {
  return client_address(connection_.peer_address(), parser_.head().joined("x-forwarded-for"),
                        connection_.worker().config().server.trusted_proxies);
}

bool HttpTransport::on_head() {
  Worker& worker = connection_.worker();
  const http::RequestHead& head = parser_.head();
  request_id_ = worker.new_request_id();
  const AdmissionContext context = admission();
  origin_ = readable_for(head, context);
  if (auto refusal = net::refuse(head, context)) {
    refuse(std::move(*refusal));
    return false;
  }
  if (!takes_place()) {
    refuse(refusal_of(NoRoom::connections_per_ip));
    return false;
  }
  // Before the body: who may not speak need not be listened to.
  if (!authenticate()) return false;
  request_deadline_ = worker.wheel().now() + ticks(worker.config().limits.body_timeout);
  const std::string* const expect = head.find("expect");
  continue_owed_ = expect != nullptr && http::equals_ignoring_case(*expect, "100-continue") && parser_.expects_body();
  send_due();
  return true;
}

// A proxy's connection carries requests of many, until one of them takes it for itself.
bool HttpTransport::takes_place() {
  return connection_.counted() || !(upgrades() || wants_stream()) || connection_.enter_as(client());
}

bool HttpTransport::upgrades() const {
  const http::RequestHead& head = parser_.head();
  return head.method == "GET" && websocket::wants_websocket(head);
}

bool HttpTransport::authenticate() {
  principal_.reset();
  const http::RequestHead& head = parser_.head();
  Worker& worker = connection_.worker();
  if (head.method != "POST" && !upgrades() && !wants_stream()) return true;
  auto principal = net::authenticate(head, worker.environment());
  if (!principal) {
    refuse(std::move(principal.error()));
    return false;
  }
  principal_ = std::move(*principal);
  // A WebSocket may say later who it is.
  if (!principal_ && !upgrades() && !worker.config().auth.anonymous) {
    refuse(credential_missing());
    return false;
  }
  return true;
}

std::unique_ptr<Transport> HttpTransport::on_request() {
  const http::RequestHead& head = parser_.head();
  continue_owed_ = false;
  if (upgrades()) return upgrade();
  if (wants_stream()) return open_stream();
  last_request_seen_ = !head.keep_alive() || connection_.worker().shutting_down();
  if (head.method == "POST") {
    on_post();
  } else {
    enqueue(answer_get());
  }
  end_request();
  send_due();
  return nullptr;
}

void HttpTransport::on_post() {
  const bool cbor = is_cbor(parser_.head());
  if (!cbor && !websocket::valid_utf8(parser_.body())) {
    return enqueue(problem(400, "bad_request", "the body is not UTF-8"));
  }
  due_.push_back(new_due());
  due_.back().cbor = cbor;
  if (!session_) {
    session::HttpSession::Listener& listener = *this;
    session_ = std::make_unique<session::HttpSession>(connection_.worker().environment(), connection_,
                                                      connection_.worker().new_session_id(), listener);
  }
  // A refusal ends the connection, so what follows it must not run. All refusals are known at once.
  posting_ = true;
  const bool refused = cbor ? !session_->post_cbor(parser_.body(), std::move(principal_))
                            : !session_->post(parser_.body(), std::move(principal_));
  posting_ = false;
  if (!refused) return;
  last_request_seen_ = true;
  due_.back().close = true;
}

void HttpTransport::end_request() {
  parser_.reset();
  request_id_.clear();
  origin_.clear();
  request_deadline_ = 0;
}

http::Response HttpTransport::problem(int status, std::string_view code, std::string detail) const {
  return http::problem_response({status, std::string(code), std::move(detail), request_id_});
}

void HttpTransport::refuse(Refusal refusal) {
  connection_.worker().metrics().refused.add(refusal.reason);
  if (runtime::LogSite& site = runtime::log_sites().request_refused; site.admits()) {
    site.write({{"client", client()},
                {"request_id", request_id_},
                {"status", std::to_string(refusal.status)},
                {"reason", std::string(refusal.reason)},
                {"credential_fault", std::string(refusal.credential_fault)}});
  }
  refused_ = last_request_seen_ = true;
  Due due = new_due();
  if (refusal.reason == "draining" && wants_stream()) {
    due.response = come_back_later();
  } else {
    due.response = problem(refusal.status, refusal.code, std::move(refusal.detail));
    for (http::Header& header : refusal.headers) due.response->headers.push_back(std::move(header));
  }
  add_answer_policy(due.response->headers);
  add_cors(due.response->headers, origin_);
  due_.push_back(std::move(due));
  send_due();
}

// --- answers

http::Response HttpTransport::answer_get() const {
  const http::RequestHead& head = parser_.head();
  http::Response response;
  if (head.method == "OPTIONS") {
    response.status = 204;
    add_preflight(response.headers, head, origin_);
    return response;
  }
  if (const Asset* const asset =
          is_command_path(connection_.worker().config().server, head.path()) ? nullptr : find_asset(head.path())) {
    response.content_type = asset->content_type;
    response.body = asset->bytes;
    add_page_policy(response.headers);
    return response;
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
  due.close = last_request_seen_ = last_request_seen_ || response.status >= 400;
  const bool has_id = std::any_of(response.headers.begin(), response.headers.end(),
                                  [](const http::Header& header) { return header.name == "X-Request-Id"; });
  if (!has_id) response.headers.push_back({"X-Request-Id", request_id_});
  add_answer_policy(response.headers);
  add_cors(response.headers, origin_);
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
  if (due->cbor) {
    std::string encoded;
    command::append_cbor(encoded, response.body, command::JsonOrigin::broker);
    response.body = std::move(encoded);
    response.content_type = cbor_media_type;
  }
  if (response.status == 401) response.headers.push_back(unauthorized("").headers.front());
  if (response.status == 429) {
    const auto& known = outcome.retry_after_s;
    response.headers.push_back({"Retry-After", known ? std::to_string(*known) : jittered_retry_after()});
  }
  response.headers.push_back({"X-Request-Id", due->request_id});
  add_data_policy(response.headers);
  add_cors(response.headers, due->origin);
  due->response = std::move(response);
  send_due();
}

void HttpTransport::send_due() {
  if (posting_) return;  // whether the connection ends with this answer is not known yet
  while (!due_.empty() && due_.front().response) {
    Due due = std::move(due_.front());
    due_.pop_front();
    due.response->close = due.close;
    due.response->head_only = due.head_only;
    send(http::write_response(*due.response));
    if (due.close) {
      due_.clear();
      connection_.finish({connection_.worker().config().limits.body_timeout, /*again_on_progress=*/true});
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
  // The peer could send nothing meanwhile: its time starts anew.
  if (request_deadline_ != 0) {
    request_deadline_ = connection_.worker().wheel().now() + ticks(connection_.worker().config().limits.body_timeout);
  }
  arm_deadline();
}

void HttpTransport::send(std::string_view text) {
  connection_.outbox().own(connection_.worker().shard().chunks()).append(text);
  connection_.want_flush();
}

// --- time and ends

void HttpTransport::arm_deadline() {
  if (last_request_seen_) return;
  const config::Limits& limits = connection_.worker().config().limits;
  const runtime::Tick now = connection_.worker().wheel().now();
  if (request_deadline_ == 0 && parser_.in_progress()) request_deadline_ = now + ticks(limits.handshake_timeout);
  connection_.set_deadline(request_deadline_ != 0 ? request_deadline_ : now + ticks(limits.idle_timeout));
}

void HttpTransport::on_deadline(runtime::Tick now) {
  if (connection_.worker().frozen()) {
    // What it has said may lie unread in its socket.
    const runtime::Tick again = now + ticks(connection_.worker().config().limits.handshake_timeout);
    if (request_deadline_ != 0) request_deadline_ = again;
    return connection_.set_deadline(again);
  }
  if (!due_.empty()) return connection_.set_deadline(now + ticks(connection_.worker().config().limits.idle_timeout));
  if (!parser_.in_progress()) {
    if (request_deadline_ != 0) connection_.worker().metrics().refused.add("timeout");  // it never asked for anything
    return connection_.close();
  }
  if (request_id_.empty()) request_id_ = connection_.worker().new_request_id();
  refuse({408, "timeout", "timeout",
          "the request did not arrive in time (limits.handshake_timeout, limits.body_timeout)"});
}

void HttpTransport::on_peer_finished() {
  last_request_seen_ = true;
  if (!due_.empty()) {
    due_.back().close = true;
    return;
  }
  connection_.finish({connection_.worker().config().limits.body_timeout, /*again_on_progress=*/true});
}

bool HttpTransport::on_waiting(std::size_t bytes) {
  return bytes <= connection_.worker().config().limits.outbox_bytes_max;
}

// Answers are the client's own doing: it gets no more of them until it has read these.
void HttpTransport::on_overflow() {
  overflowed_ = true;
  connection_.pause_reading();
}

void HttpTransport::on_drained() {
  if (!overflowed_) return;
  overflowed_ = false;
  connection_.resume_reading();
}

// A request whose body is still arriving is asked anew who sends it: what it has shown may be withdrawn. So may be
// what commands show that still wait.
void HttpTransport::on_reload() {
  if (session_) session_->on_reload();
  if (!request_id_.empty() && !last_request_seen_) static_cast<void>(authenticate());
}

void HttpTransport::on_shutdown() {
  // A request that is on its way gets an answer: without one a browser's event stream would never come back.
  if (due_.empty() && request_deadline_ != 0) {
    const runtime::Tick patience = ticks(last_request_patience);
    request_deadline_ = std::min(request_deadline_, connection_.worker().wheel().now() + patience);
    return arm_deadline();
  }
  last_request_seen_ = true;
  if (!due_.empty()) {
    due_.back().close = true;
    return;
  }
  connection_.finish({last_request_patience, /*again_on_progress=*/true});
}

}  // namespace crier::net
