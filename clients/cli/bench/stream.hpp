// The bytes of one connection, in the clear or over TLS: a non-blocking socket that only tries. Waiting is the loop's.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "clients/cpp/tls_context.hpp"

namespace crier::cli::benchmark {

struct Transfer {
  enum class Outcome : std::uint8_t {
    bytes,   // at least one
    again,   // nothing now: wait until the socket is ready
    ended,   // the peer has ended its half
    failed,  // failure() says why
  };
  Outcome outcome = Outcome::again;
  std::size_t bytes = 0;
};

// Thread: one at a time.
class Stream {
 public:
  enum class Handshake : std::uint8_t { done, wants_read, wants_write, failed };

  Stream() = default;
  ~Stream() { close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Begins to connect; `from` is the local address, or null. false: failure() says why.
  [[nodiscard]] bool connect(const sockaddr* to, socklen_t to_bytes, const sockaddr* from, socklen_t from_bytes);
  // Once the socket is writable: did it connect?
  [[nodiscard]] bool finish_connect();
  // Before the first step of a TLS handshake.
  [[nodiscard]] bool start_tls(client::SslPtr session);
  [[nodiscard]] Handshake handshake();

  // Fills as much of `into` as there is.
  [[nodiscard]] Transfer read(std::span<char> into);
  [[nodiscard]] Transfer write(std::string_view bytes);
  // After read() has filled `into`: there may be more that no readiness will tell of.
  [[nodiscard]] bool keeps_bytes() const { return tls_ != nullptr; }

  void close();
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  [[nodiscard]] Transfer read_tls(std::span<char> into);
  [[nodiscard]] Transfer fail(std::string why);
  [[nodiscard]] Transfer tls_fault(int result);

  int fd_ = -1;
  client::SslPtr tls_;
  std::string failure_;
};

}  // namespace crier::cli::benchmark
