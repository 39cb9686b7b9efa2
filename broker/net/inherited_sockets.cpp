#include "broker/net/inherited_sockets.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/ip/tcp.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "broker/net/listener.hpp"
#include "broker/runtime/environment_variable.hpp"

namespace crier::net {

namespace {

constexpr int first_descriptor = 3;  // SD_LISTEN_FDS_START

std::string system_reason() {
  return std::strerror(errno);  // NOLINT(concurrency-mt-unsafe): before there are threads
}

int option_of(int descriptor, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

// "" when it is of no kind that we listen on.
std::string address_of(int descriptor) {
  union {
    sockaddr_storage storage;
    sockaddr any;
    sockaddr_un file;
  } address{};
  socklen_t size = sizeof(address);
  if (::getsockname(descriptor, &address.any, &size) != 0) return "";
  if (address.any.sa_family == AF_UNIX) {
    const std::size_t path_bytes = size - offsetof(sockaddr_un, sun_path);
    if (path_bytes == 0 || address.file.sun_path[0] == '\0') return "";
    return "unix:" + std::string(address.file.sun_path, strnlen(address.file.sun_path, path_bytes));
  }
  asio::ip::tcp::endpoint endpoint;
  if (size > endpoint.capacity()) return "";
  std::memcpy(endpoint.data(), &address.any, size);
  endpoint.resize(size);
  return text_of(endpoint);
}

bool meets(const std::string& bound, const std::string& asked) {
  if (asked.starts_with("unix:") || bound.starts_with("unix:")) return bound == asked;
  const auto place = resolve(bound);
  const auto wanted = resolve(asked);
  if (!place || !wanted || place->address() != wanted->address()) return false;
  return wanted->port() == 0 || wanted->port() == place->port();
}

}  // namespace

InheritedSockets& InheritedSockets::operator=(InheritedSockets&& other) noexcept {
  std::swap(sockets_, other.sockets_);
  return *this;
}

InheritedSockets::~InheritedSockets() {
  for (const One& one : sockets_) ::close(one.descriptor);
}

Result<InheritedSockets, std::string> InheritedSockets::from_environment() {
  InheritedSockets sockets;
  const bool ours = runtime::number_variable<pid_t>("LISTEN_PID") == ::getpid();
  const int count = runtime::number_variable<int>("LISTEN_FDS").value_or(0);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before there are threads
  for (const char* const name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  if (!ours) return sockets;
  for (int descriptor = first_descriptor; descriptor < first_descriptor + count; ++descriptor) {
    if (auto added = sockets.add(descriptor); !added) return added.error();
  }
  return sockets;
}

Result<std::monostate, std::string> InheritedSockets::add(int descriptor) {
  const auto refuse = [&](const std::string& why) {
    ::close(descriptor);
    return "the descriptor " + std::to_string(descriptor) + " that was passed on " + why;
  };
  if (option_of(descriptor, SO_TYPE) < 0) return refuse("is no socket: " + system_reason());
  if (option_of(descriptor, SO_TYPE) != SOCK_STREAM || option_of(descriptor, SO_ACCEPTCONN) != 1) {
    return refuse("is no listening stream socket (in a .socket unit: ListenStream=, and Accept=no)");
  }
  std::string address = address_of(descriptor);
  if (address.empty()) return refuse("listens on neither TCP nor a path");
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) {
    return refuse("cannot be used: " + system_reason());
  }
  sockets_.push_back({descriptor, std::move(address)});
  return std::monostate{};
}

std::optional<int> InheritedSockets::take(const std::string& address) {
  for (auto at = sockets_.begin(); at != sockets_.end(); ++at) {
    if (!meets(at->address, address)) continue;
    const int descriptor = at->descriptor;
    sockets_.erase(at);
    return descriptor;
  }
  return std::nullopt;
}

std::vector<std::string> InheritedSockets::left() const {
  std::vector<std::string> addresses;
  for (const One& one : sockets_) addresses.push_back(one.address);
  return addresses;
}

}  // namespace crier::net
