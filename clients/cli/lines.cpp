#include "clients/cli/lines.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/error.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

namespace crier::cli {

namespace {

constexpr std::size_t read_bytes_max = 64 * 1024;

std::string fault_text() {
  return "cannot be read: " + std::generic_category().message(errno);
}

}  // namespace

Lines::~Lines() {
  if (descriptor_.is_open()) static_cast<void>(descriptor_.release());
  if (own_) ::close(fd_);
}

Result<bool, Fault> Lines::open(const std::string& path) {
  own_ = path != "-";
  fd_ = own_ ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
  struct stat status{};
  if (fd_ < 0 || ::fstat(fd_, &status) != 0) {
    own_ = false;
    return Fault{fault_text()};
  }
  if (S_ISDIR(status.st_mode)) return Fault{"is a folder"};
  if (S_ISREG(status.st_mode)) {
    size_bytes_ = static_cast<std::uint64_t>(status.st_size);
    return true;
  }
  asio::error_code not_pollable;
  descriptor_.assign(fd_, not_pollable);
  pollable_ = !not_pollable;
  return true;
}

Lines::Step Lines::take(std::string& line) {
  const std::size_t end = buffer_.find('\n', at_);
  if (end == std::string::npos && !ended_) {
    if (buffer_.size() - at_ > line_bytes_max) {
      skipping_ = true;
      at_ = buffer_.size();
    }
    return Step::wait;
  }
  if (end == std::string::npos && !fault_.empty()) return Step::fault;
  if (end == std::string::npos && at_ == buffer_.size() && !skipping_) return Step::end;
  const std::size_t length = (end == std::string::npos ? buffer_.size() : end) - at_;
  line.assign(buffer_, at_, length);
  if (line.ends_with('\r')) line.pop_back();
  at_ += length + (end == std::string::npos ? 0 : 1);
  return std::exchange(skipping_, false) || length > line_bytes_max ? Step::too_long : Step::line;
}

void Lines::more(std::function<void()> done) {
  buffer_.erase(0, at_);
  at_ = 0;
  if (!pollable_) {
    read();
    asio::post(context_, std::move(done));
    return;
  }
  // Only waits: a read by the loop would make the descriptor, and the shell's with it, non-blocking.
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [this, done = std::move(done)](const asio::error_code& error) {
                           if (error == asio::error::operation_aborted) return;
                           // /dev/null, for one, cannot be waited for, which Asio finds out here.
                           if (error) pollable_ = false;
                           read();
                           done();
                         });
}

void Lines::read() {
  const std::size_t before = buffer_.size();
  buffer_.resize(before + read_bytes_max);
  ssize_t got = ::read(fd_, buffer_.data() + before, read_bytes_max);
  while (got < 0 && errno == EINTR) got = ::read(fd_, buffer_.data() + before, read_bytes_max);
  const bool again = got < 0 && errno == EAGAIN;
  if (got < 0 && !again) fault_ = fault_text();
  if (got <= 0 && !again) ended_ = true;
  buffer_.resize(before + static_cast<std::size_t>(got > 0 ? got : 0));
  read_bytes_ += static_cast<std::uint64_t>(got > 0 ? got : 0);
}

}  // namespace crier::cli
