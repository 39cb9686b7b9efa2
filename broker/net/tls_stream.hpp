// One connection's TLS, over its non-blocking socket: bytes in the clear on one side, records on the other. It
// only tries; waiting for the socket is the connection's.
//
// Thread: its loop's. After a step has failed, there is nothing but to destroy it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "broker/net/tls_context.hpp"
#include "broker/runtime/thread_metrics.hpp"

namespace crier::net {

class TlsStream {
 public:
  // What one record holds at most (RFC 8446 5.1).
  static constexpr std::size_t record_bytes_max = 16 * 1024;

  enum class Step : std::uint8_t {
    done,
    wants_read,   // come back when the socket is readable
    wants_write,  // or writable
    finished,     // the peer has said that it sends no more, or just stopped
    failed,
  };

  // The descriptor stays the caller's. `metrics` counts the bytes as they go over the wire.
  TlsStream(std::shared_ptr<const TlsContexts> contexts, int descriptor, runtime::ThreadMetrics& metrics);

  [[nodiscard]] Step handshake();
  // Of a handshake that failed, for the metric: one of runtime::tls_fault_labels. An alert has been sent where
  // there is one for it.
  [[nodiscard]] std::string_view fault() const noexcept { return fault_; }
  [[nodiscard]] bool resumed() const;

  // Reads until `into` is full or the peer has sent no more; `got` tells how much, whatever the step.
  [[nodiscard]] Step read(std::span<char> into, std::size_t& got);
  // Is there input that no readiness of the socket will announce? (Perhaps: it may be less than a record.)
  [[nodiscard]] bool holds_input() const;

  // Sends at most one record. Anything but `failed` takes the first `taken` bytes over for good: what the socket
  // did not take is kept here, as a copy, since the record may be encrypted already and may never change.
  [[nodiscard]] Step write(std::string_view bytes, std::size_t& taken);
  // Something that was taken over has not gone out; `write_rest` goes on with it, and comes before any `write`.
  [[nodiscard]] bool holds_output() const noexcept { return kept_ != nullptr; }
  [[nodiscard]] Step write_rest();
  // Says that nothing more will come, after the last byte. For a stream that has failed it does nothing.
  [[nodiscard]] Step finish();

  // What a step of reading or writing waited for crosswise, as the protocol's own messages make it.
  bool reading_waits_for_write = false;
  bool writing_waits_for_read = false;

 private:
  [[nodiscard]] Step step_of(int result);
  void count_wire();

  std::shared_ptr<const TlsContexts> contexts_;
  TlsSessionPtr session_;
  runtime::ThreadMetrics& metrics_;
  std::unique_ptr<std::string> kept_;
  std::uint64_t wire_in_ = 0;  // counted so far
  std::uint64_t wire_out_ = 0;
  std::string_view fault_ = "other";
  bool broken_ = false;  // after that OpenSSL has nothing more to say
};

}  // namespace crier::net
