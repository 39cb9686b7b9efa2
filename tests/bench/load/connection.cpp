// How a connection comes to be and how it ends; connection_io.cpp has what goes over it.
#include "tests/bench/load/connection.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/bench/load/handshake.hpp"
#include "tests/bench/load/run.hpp"
#include "tests/bench/load/text.hpp"
#include "tests/bench/load/worker.hpp"

namespace crier::bench {

namespace {

// One source address has about 28,000 ports: the next so many connections come from the next address.
constexpr std::uint32_t connections_per_source = 20'000;
constexpr std::size_t upgrade_response_bytes_max = 65536;

}  // namespace

Connection::Connection(Run& run, Worker& worker, std::uint32_t number, std::uint32_t channel, Role role)
    : run_(run),
      worker_(worker),
      number_(number),
      channel_(channel),
      id_(formatted("w%s%05x", run.id.c_str(), number)),
      role_(role),
      reader_(*this, worker.inflate_buffer()) {}

Connection::~Connection() {
  if (ssl_ != nullptr) ::SSL_free(ssl_);
  if (fd_ >= 0) ::close(fd_);
}

Variables Connection::variables() const {
  return {run_.channel_names[channel_], id_, {}};
}

void Connection::watch(std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = this;
  ::epoll_ctl(worker_.epoll(), EPOLL_CTL_MOD, fd_, &event);
}

bool Connection::bind_to_source() {
  const std::uint32_t source = number_ / connections_per_source;
  if (source == 0) return true;
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
  return ::bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0;
}

void Connection::open() {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return lost("socket");
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!bind_to_source()) return lost("bind");
  state_ = State::connecting;
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.ptr = this;
  ::epoll_ctl(worker_.epoll(), EPOLL_CTL_ADD, fd_, &event);
  const auto* const to = reinterpret_cast<const sockaddr*>(&run_.address);
  if (::connect(fd_, to, sizeof run_.address) < 0 && errno != EINPROGRESS) lost(std::strerror(errno));
}

void Connection::on_event(std::uint32_t events) {
  if (!alive()) return;
  if (state_ == State::connecting) return on_connected();
  if (state_ == State::tls) return tls_handshake();
  if (paused_) {
    // Only hang-ups and errors come here. Behind a hang-up there may be data still: leave it until resume().
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
      lost("reset");
    } else {
      watch(0);
    }
    return;
  }
  if ((events & EPOLLOUT) != 0) flush();
  if (alive() && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) on_readable();
}

void Connection::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return lost(std::strerror(error));
  if (run_.target.tls) return tls_handshake();
  start_upgrade();
}

void Connection::tls_handshake() {
  if (ssl_ == nullptr) {
    ssl_ = ::SSL_new(run_.ssl_context);
    ::SSL_set_fd(ssl_, fd_);
    SSL_set_tlsext_host_name(ssl_, "localhost");
  }
  state_ = State::tls;
  const int result = ::SSL_connect(ssl_);
  if (result == 1) return start_upgrade();
  switch (::SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return watch(EPOLLIN);
    case SSL_ERROR_WANT_WRITE: return watch(EPOLLOUT);
    default: return lost("TLS handshake failed");
  }
}

void Connection::start_upgrade() {
  waiting_to_write_ = false;
  watch(EPOLLIN);
  if (role_ == Role::http_publisher) return become_ready();
  state_ = State::upgrade;
  const FrameTemplate& path = role_ == Role::subscriber ? run_.target.path : run_.target.pub_path;
  unsent_ += upgrade_request(run_.target, path, variables(), run_.handshake_key, run_.options.deflate);
  flush();
}

void Connection::on_upgrade_response() {
  const std::size_t end = received_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (received_.size() > upgrade_response_bytes_max) lost("endless upgrade response");
    return;
  }
  const std::string head = received_.substr(0, end + 2);
  const std::string rest = received_.substr(end + 4);
  received_.clear();
  if (!head.starts_with("HTTP/1.1 101")) {
    run_.complain(*this, "upgrade refused: " + head.substr(0, head.find('\r')));
    return lost("refused");
  }
  if (header_of(head, "sec-websocket-accept") != run_.handshake_key.accept) {
    return lost("wrong Sec-WebSocket-Accept");
  }
  if (const auto compression = agreed_compression(head)) {
    reader_.allow_compression(compression->no_context_takeover, compression->window_bits);
  } else if (run_.options.deflate && role_ == Role::subscriber && number_ == 0) {
    run_.complain(*this, "the server did not accept permessage-deflate");
  }
  state_ = State::dialogue;
  if (!rest.empty()) reader_.read(rest.data(), rest.size());
  if (state_ == State::dialogue) advance_dialogue();
}

// Goes through the steps of the login, then for a subscriber through those of the subscription.
void Connection::advance_dialogue() {
  const Target& target = run_.target;
  const std::size_t logins = target.login.size();
  const std::size_t count = logins + (role_ == Role::subscriber ? target.subscribe.size() : 0);
  while (steps_done_ < count) {
    const Step& step = steps_done_ < logins ? target.login[steps_done_] : target.subscribe[steps_done_ - logins];
    const std::string bytes = step.what.render(variables());
    if (step.kind == Step::Kind::send) {
      send_frame(step.what.opcode(), bytes);
    } else {
      const std::size_t at = received_.find(bytes);
      if (at == std::string::npos) break;
      received_.erase(0, at + bytes.size());
    }
    ++steps_done_;
  }
  flush();
  if (steps_done_ == count && state_ == State::dialogue) become_ready();
}

void Connection::become_ready() {
  received_.clear();
  received_.shrink_to_fit();
  state_ = State::ready;
  if (role_ == Role::subscriber) {
    sequences_.start(static_cast<std::size_t>(run_.plan.publishers));
    if (slow_) {
      paused_ = true;
      watch(EPOLLRDHUP);
    } else {
      run_.listening[channel_].fetch_add(1, std::memory_order_relaxed);
    }
  }
  worker_.handshake_ended();
  run_.ready.fetch_add(1);
}

void Connection::resume() {
  if (state_ != State::ready || !paused_) return;
  paused_ = false;
  watch(EPOLLIN);
}

// It is gone, or could not be made.
void Connection::lost(const char* how) {
  if (!alive()) return;
  if (state_ != State::ready) {
    worker_.handshake_ended();
    const std::string received = printable(received_, 120);
    run_.complain(*this,
                  std::string("not connected: ") + how + (received.empty() ? "" : " (received: " + received + ")"));
    run_.failed.fetch_add(1);
  } else if (!slow_) {
    if (role_ == Role::subscriber) run_.listening[channel_].fetch_sub(1, std::memory_order_relaxed);
    ++worker_.statistics().disconnected;
    run_.complain(*this, formatted("disconnected: %s, close code %d", how, close_code_));
  }
  ended_by_ = how;
  state_ = State::closed;
  if (fd_ < 0) return;
  ::epoll_ctl(worker_.epoll(), EPOLL_CTL_DEL, fd_, nullptr);
  ::close(fd_);
  fd_ = -1;
}

std::string Connection::fate() const {
  if (state_ == State::ready) return "open";
  if (close_code_ != 0) return "close_" + std::to_string(close_code_);
  return ended_by_ == nullptr ? "unopened" : ended_by_;
}

std::uint64_t Connection::missing() const {
  std::uint64_t count = sequences_.gaps();
  for (std::size_t i = 0; i < sequences_.publishers(); ++i) {
    count += run_.publishers[i]->next_seq[channel_] - sequences_.next(i);
  }
  return count;
}

}  // namespace crier::bench
