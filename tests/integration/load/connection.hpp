// One WebSocket client connection: RFC 6455 as far as a load client needs it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace crier::load {

// Appends one masked text frame. The mask is zero, which RFC 6455 allows and which leaves the bytes as they are.
void append_text_frame(std::string& out, std::string_view text);

// What a connection is waiting for.
enum class Phase : std::uint8_t { connecting, upgrading, open, closed };

// How a client leaves.
enum class Leave : std::uint8_t { close_frame, end_of_stream, reset };

// Owned by one Loop, which calls on_readable and on_writable. Not thread-safe.
class Connection {
 public:
  using OnText = std::function<void(Connection&, std::string_view)>;

  // Connects to 127.0.0.1:port from 127.0.0.`source` (1 to 254: a source address has some 28,000 ports).
  Connection(std::uint16_t port, unsigned source, std::string_view target, OnText on_text);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void on_readable();
  void on_writable();
  // Queues frames; the loop sends them.
  void send(std::string_view frames) { out_ += frames; }
  void send_text(std::string_view text) { append_text_frame(out_, text); }
  void leave(Leave how);

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] std::size_t unsent() const { return out_.size() - sent_; }
  [[nodiscard]] bool wants_to_write() const { return phase_ == Phase::connecting || unsent() > 0; }
  // The code of the server's close frame, 1006 when the stream ended without one, 0 while it lasts.
  [[nodiscard]] std::uint16_t close_code() const { return close_code_; }

  std::uint32_t index = 0;       // for the owner
  bool armed_for_write = false;  // for the loop

 private:
  void take_head();
  void take_frames();
  void end(std::uint16_t code);

  int descriptor_ = -1;
  Phase phase_ = Phase::connecting;
  OnText on_text_;
  std::string in_;
  std::string out_;
  std::size_t sent_ = 0;
  std::uint16_t close_code_ = 0;
  bool leaving_ = false;
};

}  // namespace crier::load
