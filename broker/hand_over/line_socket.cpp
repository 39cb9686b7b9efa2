#include "broker/hand_over/line_socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace crier::hand_over {

namespace {

using Clock = std::chrono::steady_clock;

std::string failed(const char* what) {
  std::array<char, 128> reason{};
  return std::string(what) + ": " + ::strerror_r(errno, reason.data(), reason.size());
}

// Room for the descriptors' control message, aligned as the kernel wants it.
struct ControlRoom {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(descriptors_max * sizeof(int))> bytes{};
};

void take_descriptors(msghdr& message, std::vector<FileDescriptor>& into) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    std::vector<int> numbers((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(numbers.data(), CMSG_DATA(part), numbers.size() * sizeof(int));
    for (const int number : numbers) into.emplace_back(number);
  }
}

// False: the time is over, or the socket is broken; errno says which.
bool wait_readable(int socket, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd what{socket, POLLIN, 0};
    const int ready = ::poll(&what, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready > 0) return true;
    if (ready == 0) errno = ETIMEDOUT;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace

Result<std::monostate, std::string> send_line(int socket, std::string_view text, std::span<const int> descriptors) {
  if (descriptors.size() > descriptors_max) return std::string("more listening sockets than can be passed on at once");
  std::string bytes(text.substr(0, line_bytes_max - 1));
  bytes += '\n';
  iovec piece{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  ControlRoom control;
  if (!descriptors.empty()) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
  }
  // A line is far smaller than a socket's buffer, and by turns the buffer is empty: it goes whole or not at all.
  const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(bytes.size())) return std::monostate{};
  return failed("cannot speak to the other process");
}

Result<Line, std::string> receive_line(int socket, std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  Line line;
  std::array<char, line_bytes_max> buffer{};
  for (;;) {
    if (!wait_readable(socket, deadline)) return failed("no word from the other process");
    iovec piece{buffer.data(), buffer.size()};
    ControlRoom control;
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    const ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0 && errno != ECONNRESET) return failed("cannot hear the other process");
    if (got <= 0) return Line{};
    take_descriptors(message, line.descriptors);
    line.text.append(buffer.data(), static_cast<std::size_t>(got));
    if (line.text.ends_with('\n')) {
      line.text.pop_back();
      return line;
    }
    if (line.text.size() > line_bytes_max) return std::string("the other process says more than a line");
  }
}

Peer peer_of(int socket) {
  ucred who{};
  socklen_t size = sizeof(who);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {0, static_cast<uid_t>(-1)};
  return {who.pid, who.uid};
}

}  // namespace crier::hand_over
