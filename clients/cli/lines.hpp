// Lines of a file or of standard input, as a loop reads them: piece by piece, and without waiting for whoever writes.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "clients/cli/link.hpp"
#include "protocol/base/result.hpp"

namespace crier::cli {

class Lines {
 public:
  // A longer line is read over: take() says so. Memory: that much, and a read.
  static constexpr std::size_t line_bytes_max = 2 * 1024 * 1024;

  explicit Lines(asio::io_context& context) : context_(context), descriptor_(context) {}
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;
  ~Lines();

  // "-": standard input.
  [[nodiscard]] Result<bool, Fault> open(const std::string& path);

  enum class Step : std::uint8_t {
    line,      // `line` is one, without its end
    too_long,  // there was one over line_bytes_max
    wait,      // more() gets it
    end,       // there is no more
    fault      // it could not be read: fault()
  };
  [[nodiscard]] Step take(std::string& line);
  // Calls `done` from the loop when take() has something else to say than `wait`, or may have.
  void more(std::function<void()> done);
  [[nodiscard]] const std::string& fault() const { return fault_; }

  // Bytes of it that were read, and of a file all that there are; 0: nobody knows.
  [[nodiscard]] std::uint64_t read_bytes() const { return read_bytes_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  void read();

  asio::io_context& context_;
  asio::posix::stream_descriptor descriptor_;  // where it can be waited for
  int fd_ = -1;
  bool own_ = false;
  bool pollable_ = false;
  std::string buffer_;
  std::size_t at_ = 0;
  bool skipping_ = false;  // within a line that was too long
  bool ended_ = false;
  std::string fault_;
  std::uint64_t read_bytes_ = 0;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace crier::cli
