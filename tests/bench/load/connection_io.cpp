// What goes over a connection.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "tests/bench/load/connection.hpp"
#include "tests/bench/load/handshake.hpp"
#include "tests/bench/load/run.hpp"
#include "tests/bench/load/text.hpp"
#include "tests/bench/load/worker.hpp"

namespace crier::bench {

namespace {

constexpr int reads_per_event_max = 4;  // for the sake of the other connections

// errno as recv() and send() would have left it.
int errno_of_tls(const ssl_st* ssl, int result, int on_failure) {
  const int error = ::SSL_get_error(ssl, result);
  ::ERR_clear_error();
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : on_failure;
}

}  // namespace

ssize_t Connection::read_some(char* p, std::size_t n) {
  if (ssl_ == nullptr) return ::recv(fd_, p, n, 0);
  const int result = ::SSL_read(ssl_, p, static_cast<int>(n));
  if (result > 0) return result;
  if (::SSL_get_error(ssl_, result) == SSL_ERROR_ZERO_RETURN) {
    ::ERR_clear_error();
    return 0;
  }
  errno = errno_of_tls(ssl_, result, ECONNRESET);
  return -1;
}

ssize_t Connection::write_some(const char* p, std::size_t n) {
  if (ssl_ == nullptr) return ::send(fd_, p, n, MSG_NOSIGNAL);
  const int result = ::SSL_write(ssl_, p, static_cast<int>(n));
  if (result > 0) return result;
  errno = errno_of_tls(ssl_, result, EPIPE);
  return -1;
}

void Connection::on_readable() {
  auto& buffer = worker_.read_buffer();
  for (int turn = 0; turn < reads_per_event_max; ++turn) {
    const ssize_t n = read_some(buffer.data(), buffer.size());
    worker_.on_read();
    if (n > 0) {
      if (role_ == Role::subscriber && run_.in_window(worker_.now())) ++worker_.statistics().reads;
      consume(buffer.data(), static_cast<std::size_t>(n));
      if (!alive()) return;
      if (ssl_ == nullptr && static_cast<std::size_t>(n) < buffer.size()) return;
    } else if (n == 0) {
      return lost(close_code_ != 0 ? "close" : "eof");
    } else if (errno != EINTR) {
      if (errno != EAGAIN) lost(close_code_ != 0 ? "close" : "reset");
      return;
    }
  }
  // What OpenSSL has taken from the socket already would wake nobody.
  while (ssl_ != nullptr && alive() && ::SSL_pending(ssl_) > 0) {
    const ssize_t n = read_some(buffer.data(), buffer.size());
    if (n <= 0) return;
    consume(buffer.data(), static_cast<std::size_t>(n));
  }
}

void Connection::consume(const char* p, std::size_t n) {
  if (role_ == Role::http_publisher) {
    received_.append(p, n);
    on_http_responses();
  } else if (state_ == State::upgrade) {
    received_.append(p, n);
    on_upgrade_response();
  } else {
    reader_.read(p, n);
    if (state_ == State::dialogue) advance_dialogue();
  }
}

void Connection::on_http_responses() {
  std::size_t at = 0;
  while (const auto response = http_response(received_, at)) {
    at = response->end;
    --requests_outstanding_;
    worker_.publishers_may_go_on();
    const std::string& head = response->head;
    constexpr std::size_t status_at = 9;  // behind "HTTP/1.1 "
    if (head.size() <= status_at || head[status_at] != '2') {
      if (worker_.statistics().http_errors++ == 0) {
        run_.complain(*this, "publish refused: " + head.substr(0, head.find('\r')));
      }
    }
    if (lower(header_of(head, "connection")) == "close") {
      received_.clear();
      return lost("the server closed a keep-alive connection");
    }
  }
  received_.erase(0, at);
}

bool Connection::can_publish() const {
  return state_ == State::ready && (!run_.target.pub_http || requests_outstanding_ < run_.target.http_pipeline);
}

void Connection::send_frame(std::uint8_t opcode, std::string_view payload) {
  append_frame(unsent_, opcode, payload, worker_.next_mask());
}

void Connection::send_publish_request(const Variables& values, std::string_view body) {
  append_publish_request(unsent_, run_.target, values, body);
  ++requests_outstanding_;
}

bool Connection::flush() {
  while (!all_sent()) {
    const ssize_t n = write_some(unsent_.data() + unsent_at_, unsent_.size() - unsent_at_);
    if (n > 0) {
      unsent_at_ += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      if (!waiting_to_write_) watch(EPOLLIN | EPOLLOUT);
      waiting_to_write_ = true;
      return false;
    } else if (errno != EINTR) {
      lost(close_code_ != 0 ? "close" : "reset");
      return false;
    }
  }
  unsent_.clear();
  unsent_at_ = 0;
  if (role_ == Role::subscriber) unsent_.shrink_to_fit();
  if (waiting_to_write_) watch(EPOLLIN);
  waiting_to_write_ = false;
  return true;
}

bool Connection::on_ping(std::string_view payload) {
  send_frame(opcode::pong, payload);
  flush();
  return alive();
}

bool Connection::on_close(int code, std::string_view payload) {
  close_code_ = code;
  send_frame(opcode::close, payload);
  flush();
  lost("close");
  return false;
}

void Connection::on_violation(const char* what) {
  lost(what);
}

bool Connection::on_data(const char* p, std::size_t n, bool whole_frame) {
  if (whole_frame && !run_.target.ping.empty()) {
    answer_ping(p, n);
    if (!alive()) return false;
  }
  if (state_ != State::ready) {
    received_.append(p, n);
  } else if (role_ == Role::subscriber) {
    scanner_.scan(
        p, n, static_cast<std::size_t>(run_.plan.size), [this](const Marker& marker) { on_marker(marker); },
        [this](bool whole) {
          if (!whole) ++worker_.statistics().corrupt;
        });
  }
  return true;
}

void Connection::answer_ping(const char* p, std::size_t n) {
  const std::string_view frame(p, n);
  const Target& target = run_.target;
  if (target.ping_suffix ? !frame.ends_with(target.ping) : frame != target.ping) return;
  send_frame(target.pong.opcode(), target.pong.render(variables()));
  flush();
}

void Connection::on_marker(const Marker& marker) {
  Statistics& statistics = worker_.statistics();
  if (marker.publisher >= sequences_.publishers() || marker.channel != channel_) {
    ++statistics.misrouted;
    return;
  }
  switch (sequences_.arrived(marker.publisher, marker.seq)) {
    case Arrival::in_order: break;
    case Arrival::late: ++statistics.misordered; break;
    case Arrival::duplicate: ++statistics.duplicates; return;
  }
  if (slow_) return worker_.count_slow_delivery();  // checked, but no part of the figures
  if (run_.in_window(worker_.now())) ++statistics.deliveries;
  if (run_.in_window(marker.time)) statistics.latency.add(worker_.now() - marker.time);
  worker_.count_delivery();
  run_.received(worker_, marker);
}

}  // namespace crier::bench
