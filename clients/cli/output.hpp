// Standard output as a loop writes it: never waiting for its reader, who may be a pager or a slow disk.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace crier::cli {

class Output {
 public:
  // `on_change` is called from the loop after something was written, and when the reader has gone.
  Output(asio::io_context& context, std::function<void()> on_change);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output();

  // Goes out at the end of the turn, with everything else of it.
  void write(std::string_view text);
  [[nodiscard]] std::size_t waiting() const { return text_.size() - at_; }
  // Bytes since the beginning: given to write(), and out of our hands.
  [[nodiscard]] std::uint64_t given() const { return given_; }
  [[nodiscard]] std::uint64_t written() const { return given_ - waiting(); }
  // Nobody reads any more, or nothing can be written: see fault().
  [[nodiscard]] bool gone() const { return gone_; }
  // "" where the reader just closed its end.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  enum class Kind : std::uint8_t { blocking, pollable, socket };

  void flush();
  void await_room();

  std::function<void()> on_change_;
  asio::io_context& context_;
  asio::posix::stream_descriptor descriptor_;
  Kind kind_ = Kind::blocking;
  int fd_;
  std::string text_;
  std::size_t at_ = 0;
  std::uint64_t given_ = 0;
  bool flushing_ = false;  // a flush will come by itself
  bool gone_ = false;
  std::string fault_;
};

}  // namespace crier::cli
