#include "clients/cli/output.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

namespace crier::cli {

namespace {

constexpr std::size_t compact_from_bytes = 256 * 1024;

}  // namespace

Output::Output(asio::io_context& context, std::function<void()> on_change)
    : on_change_(std::move(on_change)), context_(context), descriptor_(context), fd_(STDOUT_FILENO) {
  struct stat status{};
  if (::fstat(STDOUT_FILENO, &status) != 0) return;
  if (S_ISSOCK(status.st_mode)) {
    const int copy = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return;
    descriptor_.assign(copy);
    fd_ = copy;
    kind_ = Kind::socket;
  } else if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
    // Opened anew, because O_NONBLOCK on the one that was given would be the shell's and everybody's.
    const int own = ::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0) return;
    asio::error_code not_pollable;
    descriptor_.assign(own, not_pollable);
    if (not_pollable) {  // /dev/null
      ::close(own);
      return;
    }
    fd_ = own;
    kind_ = Kind::pollable;
  }
}

Output::~Output() = default;

void Output::write(std::string_view text) {
  if (gone_) return;
  text_ += text;
  given_ += text.size();
  if (std::exchange(flushing_, true)) return;
  asio::post(context_, [this] { flush(); });
}

void Output::flush() {
  flushing_ = false;
  while (waiting() > 0) {
    const ssize_t wrote = kind_ == Kind::socket
                              ? ::send(fd_, text_.data() + at_, waiting(), MSG_DONTWAIT | MSG_NOSIGNAL)
                              : ::write(fd_, text_.data() + at_, waiting());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN && kind_ != Kind::blocking) {
      await_room();
      break;
    }
    if (wrote < 0) {
      gone_ = true;
      if (errno != EPIPE) fault_ = std::generic_category().message(errno);
      break;
    }
    at_ += static_cast<std::size_t>(wrote);
  }
  // Not at each write: what is left moves to the front.
  if (at_ == text_.size() || at_ > compact_from_bytes) {
    text_.erase(0, at_);
    at_ = 0;
  }
  on_change_();
}

void Output::await_room() {
  flushing_ = true;
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_write, [this](const asio::error_code& error) {
    if (!error) flush();
  });
}

}  // namespace crier::cli
