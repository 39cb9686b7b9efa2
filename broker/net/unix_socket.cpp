#include "broker/net/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "broker/net/unix_address.hpp"

namespace crier::net {

namespace {

constexpr mode_t socket_mode = 0660;

std::string failed(const std::string& what, const std::string& path) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): at the start, before any other thread
  return what + " unix:" + path + ": " + std::strerror(errno);
}

// Makes room for a socket of that name. "": there is room.
std::string clear_stale(const std::string& path, const sockaddr_un& address) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0) return errno == ENOENT ? "" : failed("cannot look at", path);
  if (!S_ISSOCK(file.st_mode)) {
    return "cannot listen on unix:" + path + ": a file is there that is no socket; move it away or take another path";
  }
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return failed("cannot open a socket for", path);
  const bool refused = ::connect(probe, plain(address), sizeof(address)) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  // Also if it has no room for us: somebody is there.
  if (!refused) return "cannot listen on unix:" + path + ": another process does, or may not be asked whether it does";
  return ::unlink(path.c_str()) == 0 || errno == ENOENT ? ""
                                                        : failed("cannot remove the socket that nobody uses,", path);
}

}  // namespace

Result<UnixSocket, std::string> UnixSocket::listen(const std::string& path, int backlog) {
  const auto address = unix_address(path);
  if (!address) return "cannot listen on unix:" + path + ": the path is too long";
  if (std::string fault = clear_stale(path, *address); !fault.empty()) return fault;
  UnixSocket socket;
  socket.descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket.descriptor_ < 0) return failed("cannot open a socket for", path);
  if (::bind(socket.descriptor_, plain(*address), sizeof(*address)) != 0) return failed("cannot listen on", path);
  socket.path_ = path;
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0) return failed("cannot look at", path);
  socket.device_ = file.st_dev;
  socket.inode_ = file.st_ino;
  // Before anybody can connect: until `listen` they are refused.
  if (::chmod(path.c_str(), socket_mode) != 0) return failed("cannot set the mode of", path);
  if (::listen(socket.descriptor_, backlog) != 0) return failed("cannot listen on", path);
  return socket;
}

UnixSocket::UnixSocket(UnixSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

UnixSocket& UnixSocket::operator=(UnixSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

UnixSocket::~UnixSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (path_.empty()) return;
  // A successor may have taken the name over.
  struct stat file{};
  const bool ours = ::lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_;
  if (ours) ::unlink(path_.c_str());
}

int UnixSocket::release() noexcept {
  return std::exchange(descriptor_, -1);
}

}  // namespace crier::net
