// What comes before HTTP: the PROXY protocol's header, and the TLS handshake.
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>
#include <variant>

#include "broker/net/admission.hpp"
#include "broker/net/client_address.hpp"
#include "broker/net/connection.hpp"
#include "broker/net/connection_extra.hpp"
#include "broker/net/peer_address.hpp"
#include "broker/net/worker.hpp"
#include "broker/runtime/log_site.hpp"
#include "protocol/base/check.hpp"
#include "protocol/http/response_writer.hpp"

namespace crier::net {

namespace {

// How long the peer of a handshake that failed gets to read why.
constexpr std::chrono::milliseconds alert_patience = std::chrono::seconds{1};

// RFC 8446 5.1: type, version, length.
constexpr std::size_t tls_record_head_bytes = 5;
constexpr unsigned char tls_handshake_record = 22;
constexpr int tls_record_bytes_max = 16 * 1024;

std::string_view plain_http_answer() {
  static const std::string text = [] {
    http::Response response = http::problem_response(
        {400, "bad_request", "this port speaks TLS: use https:// or wss:// instead of http:// or ws://", ""});
    response.close = true;
    return http::write_response(response);
  }();
  return text;
}

}  // namespace

void Connection::open(const Opening& opening) {
  last_heard_ = worker_.wheel().now();
  if (!opening.proxy_header && !opening.tls) return worker_.opened(*this);
  extra_ = std::make_unique<Extra>();
  extra_->beginning = std::make_unique<Beginning>();
  extra_->beginning->contexts = opening.tls;
  if (opening.proxy_header) extra_->beginning->stage = Beginning::Stage::proxy_header;
  set_deadline(last_heard_ + ticks(worker_.config().limits.handshake_timeout));
  wait_readable();
}

void Connection::on_beginning_readable() {
  Beginning& beginning = *extra_->beginning;
  switch (beginning.stage) {
    case Beginning::Stage::proxy_header: return read_proxy_header();
    case Beginning::Stage::silent: return await_first_record();
    case Beginning::Stage::handshake: return worker_.handshakes().make_ready(*this);
  }
}

void Connection::on_begun() {
  worker_.handshakes().leave(*this);
  worker_.wheel().cancel(*this);
  extra_->beginning.reset();
  if (!extra_->tls && extra_->source.family == proxy::Family::none) extra_.reset();
  worker_.opened(*this);
}

void Connection::on_beginning_deadline() {
  if (extra_->beginning->stage == Beginning::Stage::proxy_header) return refuse_proxy_header("it did not come in time");
  give_up_handshake();
}

void Connection::give_up_handshake() {
  worker_.metrics().tls_faults.add("timeout");
  log_tls_fault("timeout");
  close();
}

// A turn is for who has said all that it has to say first: a ClientHello, mostly one record. Until that is there
// nothing is read, and the socket does not wake us: whoever sends a byte and waits has nothing of ours but its socket.
void Connection::await_first_record() {
  std::array<unsigned char, tls_record_head_bytes> head{};
  const ssize_t seen = ::recv(socket_.native_handle(), head.data(), head.size(), MSG_PEEK);
  const bool handshake = seen > 0 && head[0] == tls_handshake_record;
  int wanted = static_cast<int>(head.size());
  if (seen == wanted) wanted += std::min(head[3] << 8 | head[4], tls_record_bytes_max);
  int present = 0;
  pollfd state{socket_.native_handle(), POLLRDHUP, 0};
  const bool more_may_come = ::poll(&state, 1, 0) == 0 && ::ioctl(socket_.native_handle(), FIONREAD, &present) == 0;
  if (handshake && more_may_come && present < wanted) {
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof(wanted));
    return wait_readable();
  }
  const int any = 1;
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVLOWAT, &any, sizeof(any));
  extra_->beginning->stage = Beginning::Stage::handshake;
  worker_.wheel().cancel(*this);  // the wait for its turn is not its fault
  worker_.handshakes().enter(*this, worker_.handshakes_in_flight_max());
}

// --- the PROXY protocol

// Not a byte more than the header is read: what follows belongs to TLS or HTTP.
void Connection::read_proxy_header() {
  std::string& header = extra_->beginning->header;
  for (;;) {
    const proxy::ParseStep step = proxy::parse_header(header);
    if (const auto* const fault = std::get_if<proxy::Fault>(&step)) return refuse_proxy_header(proxy::describe(*fault));
    if (const auto* const parsed = std::get_if<proxy::Header>(&step)) {
      CRIER_ASSERT(parsed->bytes == header.size());
      extra_->source = parsed->source;
      break;
    }
    const std::size_t had = header.size();
    header.resize(std::get<proxy::NeedMore>(step).bytes_min);
    const ssize_t got = ::recv(socket_.native_handle(), header.data() + had, header.size() - had, 0);
    header.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got > 0) {
      worker_.metrics().bytes_in.add(static_cast<std::uint64_t>(got));
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return wait_readable();
    return refuse_proxy_header("the connection ended before it was whole");
  }
  // The proxy's own connections, to see whether we are there, are nobody's.
  if (extra_->source.family != proxy::Family::none && !enter_as(peer_address())) return refuse_source();
  if (!extra_->beginning->contexts) return on_begun();
  header = {};
  extra_->beginning->stage = Beginning::Stage::silent;
  wait_readable();
}

// Without an answer: to what, nobody knows.
void Connection::refuse_proxy_header(std::string_view why) {
  worker_.metrics().refused.add("proxy_protocol");
  if (runtime::LogSite& site = runtime::log_sites().proxy_header_refused; site.admits()) {
    site.write({{"client", peer_address()}, {"detail", std::string(why)}});
  }
  close();
}

// Over TLS nobody could read an answer.
void Connection::refuse_source() {
  constexpr NoRoom why = NoRoom::connections_per_ip;
  worker_.metrics().refused.add(reason_of(why));
  if (runtime::LogSite& site = runtime::log_sites().turned_away; site.admits()) {
    site.write({{"reason", std::string(reason_of(why))}, {"client", peer_address()}});
  }
  if (extra_->beginning->contexts) return close();
  extra_->beginning.reset();
  outbox_.own(worker_.shard().chunks()).append(answer_of(why));
  finish({alert_patience});
}

bool Connection::enter_as(std::string_view address) {
  if (counted() || is_trusted_proxy(address, worker_.config().server.trusted_proxies)) return true;
  const AddressKey key = address_key(address);
  if (!worker_.gate().enter(key)) return false;
  counted_as_ = key;
  return true;
}

std::string Connection::peer_address() const {
  switch (extra_ ? extra_->source.family : proxy::Family::none) {
    case proxy::Family::v4: return text_of_v4(extra_->source.address.data());
    case proxy::Family::v6: return text_of_v6(extra_->source.address.data());
    case proxy::Family::unix_socket: return "unix";
    case proxy::Family::none: break;
  }
  sockaddr_storage peer{};
  socklen_t bytes = sizeof(peer);
  auto& socket = const_cast<Socket&>(socket_);  // NOLINT: Asio hands out a handle of what may be changed only
  if (::getpeername(socket.native_handle(), reinterpret_cast<sockaddr*>(&peer), &bytes) != 0) return "";
  return text_of(peer);
}

std::string Connection::client_address() const {
  return extra_ && !extra_->client.empty() ? extra_->client : peer_address();
}

void Connection::set_client_address(std::string address) {
  if (address == peer_address()) return;
  if (!extra_) extra_ = std::make_unique<Extra>();
  extra_->client = std::move(address);
}

// --- the handshake

HandshakeQueue::Place& Connection::handshake_place() noexcept {
  return extra_->beginning->place;
}

void Connection::take_handshake_turn() {
  set_deadline(worker_.wheel().now() + ticks(worker_.config().limits.handshake_timeout));
}

void Connection::step_handshake() {
  if (!extra_->tls) {
    extra_->tls =
        std::make_unique<TlsStream>(std::move(extra_->beginning->contexts), socket_.native_handle(), worker_.metrics());
  }
  TlsStream& tls = *extra_->tls;
  switch (tls.handshake()) {
    case TlsStream::Step::wants_read: return wait_readable();
    case TlsStream::Step::wants_write: return wait_writable();
    case TlsStream::Step::done: break;
    default: return on_handshake_failed(tls.fault());
  }
  worker_.metrics().tls_handshakes.add();
  if (tls.resumed()) worker_.metrics().tls_resumed.add();
  on_begun();
}

void Connection::log_tls_fault(std::string_view label) const {
  runtime::LogSite& site = runtime::log_sites().tls_failed;
  if (site.admits()) site.write({{"client", peer_address()}, {"reason", std::string(label)}});
}

// OpenSSL has sent an alert where there is one. It arrives only if the socket is not closed while bytes of the peer's
// are unread: so our side ends, and theirs gets a moment.
void Connection::on_handshake_failed(std::string_view label) {
  worker_.metrics().tls_faults.add(label);
  log_tls_fault(label);
  if (label == "closed") return close();
  worker_.handshakes().leave(*this);
  extra_->beginning.reset();
  extra_->tls.reset();
  if (label == "plain_http") outbox_.own(worker_.shard().chunks()).append(plain_http_answer());
  finish({alert_patience});
}

}  // namespace crier::net
