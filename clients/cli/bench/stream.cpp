#include "clients/cli/bench/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

namespace crier::cli::benchmark {

namespace {

std::string text_of(int error) {
  return std::system_category().message(error);
}

// What OpenSSL has to say, once; "" where it has nothing.
std::string tls_error_text() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "";
  const char* const reason = ERR_reason_error_string(error);
  return reason == nullptr ? "error " + std::to_string(error) : reason;
}

int int_size(std::size_t bytes) {
  return static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max()));
}

}  // namespace

bool Stream::connect(const sockaddr* to, socklen_t to_bytes, const sockaddr* from, socklen_t from_bytes) {
  fd_ = ::socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return failure_ = "no socket: " + text_of(errno), false;
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (from != nullptr) {
    ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (::bind(fd_, from, from_bytes) < 0) return failure_ = text_of(errno), false;
  }
  if (::connect(fd_, to, to_bytes) == 0 || errno == EINPROGRESS) return true;
  failure_ = text_of(errno);
  return false;
}

bool Stream::finish_connect() {
  int error = 0;
  socklen_t bytes = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &bytes);
  if (error != 0) failure_ = text_of(error);
  return error == 0;
}

bool Stream::start_tls(client::SslPtr session) {
  tls_ = std::move(session);
  if (tls_ == nullptr || SSL_set_fd(tls_.get(), fd_) != 1) return failure_ = "TLS: " + tls_error_text(), false;
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_read_ahead(tls_.get(), 1);  // a read of the socket for many records
  return true;
}

Stream::Handshake Stream::handshake() {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_connect(tls_.get());
  if (result == 1) return Handshake::done;
  const int error = errno;
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Handshake::wants_read;
    case SSL_ERROR_WANT_WRITE: return Handshake::wants_write;
    default: break;
  }
  failure_ =
      client::describe_tls_failure(tls_.get(), ERR_peek_error(), error == 0 ? "the connection ended" : text_of(error));
  return Handshake::failed;
}

Transfer Stream::fail(std::string why) {
  failure_ = std::move(why);
  return {Transfer::Outcome::failed, 0};
}

Transfer Stream::tls_fault(int result) {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return {Transfer::Outcome::again, 0};
    case SSL_ERROR_ZERO_RETURN: return {Transfer::Outcome::ended, 0};
    case SSL_ERROR_SYSCALL: return fail(errno == 0 ? "the connection ended" : text_of(errno));
    default: return fail("TLS: " + tls_error_text());
  }
}

// A record at a time, until the room or what has come is used up: one look at the clock serves them all.
Transfer Stream::read_tls(std::span<char> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    ERR_clear_error();
    const int result = SSL_read(tls_.get(), into.data() + filled, int_size(into.size() - filled));
    if (result <= 0) {
      if (filled > 0) break;  // what is wrong will be there the next time too
      return tls_fault(result);
    }
    filled += static_cast<std::size_t>(result);
  }
  return {Transfer::Outcome::bytes, filled};
}

Transfer Stream::read(std::span<char> into) {
  if (tls_ != nullptr) return read_tls(into);
  const ssize_t result = ::recv(fd_, into.data(), into.size(), 0);
  if (result > 0) return {Transfer::Outcome::bytes, static_cast<std::size_t>(result)};
  if (result == 0) return {Transfer::Outcome::ended, 0};
  if (errno == EAGAIN || errno == EINTR) return {Transfer::Outcome::again, 0};
  return fail(text_of(errno));
}

Transfer Stream::write(std::string_view bytes) {
  if (tls_ != nullptr) {
    ERR_clear_error();
    const int result = SSL_write(tls_.get(), bytes.data(), int_size(bytes.size()));
    return result > 0 ? Transfer{Transfer::Outcome::bytes, static_cast<std::size_t>(result)} : tls_fault(result);
  }
  const ssize_t result = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (result >= 0) return {Transfer::Outcome::bytes, static_cast<std::size_t>(result)};
  if (errno == EAGAIN || errno == EINTR) return {Transfer::Outcome::again, 0};
  return fail(text_of(errno));
}

void Stream::close() {
  tls_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace crier::cli::benchmark
