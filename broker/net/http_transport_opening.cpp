// From a request to a connection that stays: a WebSocket, or an event stream.
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/auth/permissions.hpp"
#include "broker/net/credentials.hpp"
#include "broker/net/http_transport.hpp"
#include "broker/net/response_headers.hpp"
#include "broker/net/sse_transport.hpp"
#include "broker/net/stream_request.hpp"
#include "broker/net/url_channels.hpp"
#include "broker/net/websocket_transport.hpp"
#include "broker/net/worker.hpp"
#include "broker/runtime/log_site.hpp"
#include "protocol/command/channel_name.hpp"
#include "protocol/http/event_stream.hpp"
#include "protocol/websocket/handshake.hpp"

namespace crier::net {

namespace {

constexpr std::array<std::string_view, 2> subprotocols = {json_subprotocol, cbor_subprotocol};

}  // namespace

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
    refuse({refusal.status, refusal.reason, "bad_request", refusal.detail, refusal.headers()});
    return nullptr;
  }
  auto channels = channels_of_url(echo ? std::string_view{} : head.query());
  if (!channels) {
    refuse(std::move(channels.error()));
    return nullptr;
  }
  if (!principal_ && !channels->empty() && !config.auth.anonymous) {
    refuse(credential_missing());
    return nullptr;
  }
  if (!connection_.outbox().empty()) {
    refuse({400, "bad_upgrade", "bad_request", "an upgrade behind answers that were not read yet"});
    return nullptr;
  }
  send(websocket::write_switching_protocols(*checked));
  connection_.outbox().end_preamble();
  if (echo) return std::make_unique<EchoTransport>(connection_, *checked);
  auto transport = std::make_unique<BrokerTransport>(connection_, *checked);
  tell_opened(transport->ending(), "websocket");
  transport->start(*channels, std::move(principal_));
  return transport;
}

bool HttpTransport::wants_stream() const {
  const http::RequestHead& head = parser_.head();
  return wants_event_stream(head) && is_command_path(connection_.worker().config().server, head.path());
}

std::unique_ptr<Transport> HttpTransport::open_stream() {
  auto checked = check_stream_request(
      parser_.head(), principal_ ? std::span<const std::string>(principal_->channels) : std::span<const std::string>{});
  if (!checked) {
    refuse(std::move(checked.error()));
    return nullptr;
  }
  if (auto why = refuse_stream(checked->channels)) {
    refuse(std::move(*why));
    return nullptr;
  }
  if (!due_.empty()) {
    refuse({400, "bad_upgrade", "bad_request", "an event stream behind requests that have no answer yet"});
    return nullptr;
  }
  std::vector<http::Header> headers = {{"X-Request-Id", request_id_}};
  add_cors(headers, origin_);
  std::string head;
  http::append_event_stream_head(head, headers);
  send(head);
  connection_.outbox().end_preamble();
  auto transport = std::make_unique<SseTransport>(connection_, std::move(*checked), std::move(principal_));
  tell_opened(transport->ending(), "event_stream");
  return transport;
}

// From here on the request and its address are known by the session alone.
void HttpTransport::tell_opened(const Ending& session, std::string_view kind) {
  if (!connection_.worker().config().server.trusted_proxies.empty()) connection_.set_client_address(client());
  runtime::LogSite& site = runtime::log_sites().opened;
  if (!site.admits()) return;
  site.write({{"kind", std::string(kind)},
              {"client", connection_.client_address()},
              {"session", session.session ? session.session->text() : ""},
              {"request_id", request_id_}});
}

// A browser would come back for ever to a stream that may have none of its channels.
std::optional<Refusal> HttpTransport::refuse_stream(std::span<const std::string> channels) const {
  std::optional<Error> why;
  for (const std::string& channel : channels) {
    const config::Namespace& settings = connection_.worker().config().settings_of(command::namespace_of(channel));
    why = auth::refuse(auth::Action::subscribe, channel, settings, principal_.get());
    if (!why) return std::nullopt;
  }
  if (why->code == ErrorCode::unauthorized) return unauthorized(std::move(why->detail));
  return Refusal{403, "forbidden", "forbidden", std::move(why->detail)};
}

}  // namespace crier::net
