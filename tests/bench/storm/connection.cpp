#include "tests/bench/storm/connection.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "tests/bench/load/text.hpp"

namespace crier::storm {

namespace {

constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t upgrade_response_bytes_max = 64 * 1024;
constexpr std::size_t status_at = 9;        // behind "HTTP/1.1 "
constexpr std::uint32_t mask = 0x5A3C96E1;  // against caches on the way, of which there are none here

// For messages that come compressed, which none does: the storm does not offer it.
std::vector<char>& no_inflating() {
  static std::vector<char> none;
  return none;
}

bool bind_to(int descriptor, std::uint32_t source) {
  if (source == 0) return true;
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
  return ::bind(descriptor, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0;
}

}  // namespace

Endpoint::Endpoint(const std::string& host, std::uint16_t port, bool with_tls) {
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
    bench::die("--host %s: no IPv4 address", host.c_str());
  if (with_tls) {
    tls.reset(::SSL_CTX_new(::TLS_client_method()));
    if (!tls) bench::die("no TLS context");
    ::SSL_CTX_set_verify(tls.get(), SSL_VERIFY_NONE, nullptr);
    ::SSL_CTX_set_mode(tls.get(),
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  }
  upgrade_request = "GET /message HTTP/1.1\r\nHost: " + host + ":" + std::to_string(port) +
                    "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: " +
                    key.key + "\r\n\r\n";
}

Connection::Connection(Loop& loop, const Endpoint& endpoint, Owner& owner, Lane lane, std::uint32_t source,
                       Ticket* ticket)
    : loop_(loop),
      endpoint_(endpoint),
      owner_(owner),
      lane_(lane),
      source_(source),
      ticket_(ticket),
      reader_(*this, no_inflating()) {}

Connection::~Connection() {
  if (descriptor_ < 0) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(descriptor_);
}

void Connection::end(int error) {
  if (!alive()) return;
  state_ = State::closed;
  end_.error = error;
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  owner_.on_end(end_);
}

void Connection::open() {
  descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) return end(errno);
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!bind_to(descriptor_, source_)) return end(errno);
  state_ = State::connecting;
  const auto* const to = reinterpret_cast<const sockaddr*>(&endpoint_.address);
  if (::connect(descriptor_, to, sizeof endpoint_.address) < 0 && errno != EINPROGRESS) return end(errno);
  loop_.watch(descriptor_, *this, connecting_lane(), EPOLLOUT);
}

void Connection::on_events(std::uint32_t events) {
  loop_.refresh_now();
  if (state_ == State::connecting) return on_connected();
  if (state_ == State::tls) return tls_handshake();
  if ((events & EPOLLOUT) != 0) flush();
  if (alive() && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) on_readable();
}

void Connection::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return end(error);
  loop_.unwatch(descriptor_, connecting_lane());
  loop_.watch(descriptor_, *this, lane_, EPOLLIN);
  if (!endpoint_.tls) return start_upgrade();
  make_tls();
  tls_handshake();
}

int Connection::keep_ticket(SSL* tls, SSL_SESSION* session) {
  const auto* const connection = static_cast<Connection*>(SSL_get_app_data(tls));
  if (connection == nullptr) return 0;  // one that will not resume
  connection->ticket_->reset(session);
  return 1;  // it is ours now
}

void Connection::make_tls() {
  state_ = State::tls;
  tls_.reset(::SSL_new(endpoint_.tls.get()));
  if (!tls_) bench::die("out of memory for TLS");
  ::SSL_set_fd(tls_.get(), descriptor_);
  SSL_set_tlsext_host_name(tls_.get(), "localhost");
  if (ticket_ == nullptr) return;
  SSL_set_app_data(tls_.get(), this);
  ::SSL_CTX_set_session_cache_mode(endpoint_.tls.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  ::SSL_CTX_sess_set_new_cb(endpoint_.tls.get(), &Connection::keep_ticket);
  if (*ticket_) ::SSL_set_session(tls_.get(), ticket_->get());
}

void Connection::tls_handshake() {
  const int result = ::SSL_connect(tls_.get());
  if (result == 1) return start_upgrade();
  const int error = ::SSL_get_error(tls_.get(), result);
  ::ERR_clear_error();
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return end(ECONNRESET);
  loop_.rewatch(descriptor_, *this, lane_, error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
}

void Connection::start_upgrade() {
  state_ = State::upgrade;
  if (tls_) loop_.rewatch(descriptor_, *this, lane_, EPOLLIN);
  out_ += endpoint_.upgrade_request;
  flush();
}

void Connection::take_upgrade_response() {
  const std::size_t found = in_.find("\r\n\r\n");
  if (found == std::string::npos) {
    if (in_.size() > upgrade_response_bytes_max) end(EPROTO);
    return;
  }
  const std::string head = in_.substr(0, found + 2);
  const std::string rest = in_.substr(found + 4);
  in_.clear();
  end_.http_status = head.size() > status_at ? std::atoi(head.c_str() + status_at) : 0;
  if (end_.http_status != 101) {
    end_.retry_after_s = std::atoi(bench::header_of(head, "retry-after").c_str());
    return end(EPROTO);
  }
  if (bench::header_of(head, "sec-websocket-accept") != endpoint_.key.accept) return end(EPROTO);
  state_ = State::open;
  owner_.on_open();
  if (alive() && !rest.empty()) reader_.read(rest.data(), rest.size());
}

void Connection::on_readable() {
  static thread_local std::array<char, read_bytes> buffer;
  do {
    const ssize_t n = read_some(buffer.data(), buffer.size());
    loop_.refresh_now();
    if (n == 0) return end(0);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) end(errno);
      return;
    }
    if (state_ == State::upgrade) {
      in_.append(buffer.data(), static_cast<std::size_t>(n));
      take_upgrade_response();
    } else if (state_ == State::open) {
      reader_.read(buffer.data(), static_cast<std::size_t>(n));
    }
    // What OpenSSL has taken from the socket already would wake nobody.
  } while (alive() && tls_ && ::SSL_has_pending(tls_.get()) != 0);
}

ssize_t Connection::read_some(char* p, std::size_t n) {
  if (!tls_) return ::recv(descriptor_, p, n, 0);
  const int result = ::SSL_read(tls_.get(), p, static_cast<int>(n));
  if (result > 0) return result;
  const int error = ::SSL_get_error(tls_.get(), result);
  ::ERR_clear_error();
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
  return -1;
}

ssize_t Connection::write_some(const char* p, std::size_t n) {
  if (!tls_) return ::send(descriptor_, p, n, MSG_NOSIGNAL);
  const int result = ::SSL_write(tls_.get(), p, static_cast<int>(n));
  if (result > 0) return result;
  const int error = ::SSL_get_error(tls_.get(), result);
  ::ERR_clear_error();
  errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
  return -1;
}

void Connection::flush() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t n = write_some(out_.data() + sent, out_.size() - sent);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      // On an error too: the server's last words may lie in the receive buffer, the reading side finds the end.
      if (errno != EAGAIN) sent = out_.size();
      break;
    }
  }
  out_.erase(0, sent);
  if (out_.empty() != waiting_to_write_) return;
  waiting_to_write_ = !out_.empty();
  loop_.rewatch(descriptor_, *this, lane_, waiting_to_write_ ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Connection::send(std::string_view text) {
  if (state_ != State::open) return;
  bench::append_frame(out_, bench::opcode::text, text, mask);
  flush();
}

bool Connection::on_data(const char* p, std::size_t n, bool) {
  in_.append(p, n);
  return true;
}

bool Connection::on_message_end() {
  owner_.on_text(in_);
  in_.clear();
  return state_ == State::open;
}

bool Connection::on_ping(std::string_view payload) {
  bench::append_frame(out_, bench::opcode::pong, payload, mask);
  flush();
  return alive();
}

// Answered; then the server ends the stream, as RFC 6455 section 7.1.1 wants it.
bool Connection::on_close(int code, std::string_view payload) {
  end_.close_code = code;
  bench::append_frame(out_, bench::opcode::close, payload, mask);
  flush();
  state_ = State::closing;
  return false;
}

void Connection::on_violation(const char* what) {
  std::fprintf(stderr, "crier_bench_storm: the server broke the protocol: %s\n", what);
  end(EPROTO);
}

}  // namespace crier::storm
