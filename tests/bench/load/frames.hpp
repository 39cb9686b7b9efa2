// WebSocket frames as a client sends and receives them (RFC 6455 section 5, RFC 7692). The broker's codec is
// not used here: a fault in it must not hide itself at the other end.
#pragma once

#include <zlib.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace crier::bench {

namespace opcode {
constexpr std::uint8_t continuation = 0;
constexpr std::uint8_t text = 1;
constexpr std::uint8_t binary = 2;
constexpr std::uint8_t close = 8;  // this one and all above are control frames
constexpr std::uint8_t ping = 9;
constexpr std::uint8_t pong = 10;
}  // namespace opcode

// Appends one final, masked frame.
void append_frame(std::string& out, std::uint8_t opcode, std::string_view payload, std::uint32_t mask);

// Receives what a FrameReader finds. Each call returns whether to go on: false once the connection is gone.
class FrameSink {
 public:
  // Bytes of data messages, uncompressed, as they come. `whole_frame`: they are exactly one frame's payload.
  virtual bool on_data(const char* p, std::size_t n, bool whole_frame) = 0;
  // All bytes of a data message have been handed over; markers in a stream do not care.
  virtual bool on_message_end() { return true; }
  virtual bool on_ping(std::string_view payload) = 0;
  // `code` is 1005 when the frame has none.
  virtual bool on_close(int code, std::string_view payload) = 0;
  // The server broke the protocol; nothing more will be read.
  virtual void on_violation(const char* what) = 0;

 protected:
  ~FrameSink() = default;
};

class FrameReader {
 public:
  // `scratch` holds inflated bytes while the sink looks at them; readers of one thread share it.
  FrameReader(FrameSink& sink, std::vector<char>& scratch);
  ~FrameReader();
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  // The handshake agreed on permessage-deflate.
  void allow_compression(bool no_context_takeover, int window_bits);

  // Takes all bytes; false when the sink or a violation ended the connection.
  bool read(const char* p, std::size_t n);

 private:
  [[nodiscard]] std::size_t header_bytes_needed() const;
  bool take_header(const char*& p, std::size_t& n);
  bool begin_frame();
  bool end_frame();
  bool violation(const char* what);
  bool inflate(const char* p, std::size_t n);

  struct InflateEnd {
    void operator()(z_stream* stream) const;
  };

  FrameSink& sink_;
  std::vector<char>& scratch_;

  std::array<std::uint8_t, 14> header_{};
  std::uint8_t header_size_ = 0;
  std::uint8_t opcode_ = 0;
  bool final_ = false;
  bool in_payload_ = false;
  bool at_payload_start_ = false;
  bool message_compressed_ = false;
  std::uint64_t left_ = 0;  // of the frame's payload
  std::string control_;

  bool compression_allowed_ = false;
  bool no_context_takeover_ = false;
  int window_bits_ = 15;
  std::unique_ptr<z_stream, InflateEnd> inflate_;
};

}  // namespace crier::bench
