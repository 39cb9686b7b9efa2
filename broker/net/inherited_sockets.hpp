// Listening sockets that somebody else has opened: a service manager (sd_listen_fds(3)), or the process before this
// one. Whoever connects while no process accepts waits in their backlog, and is not refused. Thread: the starting one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/base/result.hpp"

namespace crier::net {

class InheritedSockets {
 public:
  InheritedSockets() = default;
  InheritedSockets(InheritedSockets&& other) noexcept = default;
  InheritedSockets& operator=(InheritedSockets&& other) noexcept;
  ~InheritedSockets();  // closes those that nobody took

  // Those that LISTEN_FDS passes to this very process (LISTEN_PID), which are taken out of the environment so that no
  // child believes they are its own. An error is a sentence: one is no listening stream socket.
  [[nodiscard]] static Result<InheritedSockets, std::string> from_environment();
  // One more, owned from here on. An error as above, and it is closed.
  [[nodiscard]] Result<std::monostate, std::string> add(int descriptor);

  // The first that is bound where `address` ("HOST:PORT", "[V6]:PORT", "unix:/PATH") says; any port meets port 0. The
  // caller's from here on.
  [[nodiscard]] std::optional<int> take(const std::string& address);
  // Where those are bound that nobody took.
  [[nodiscard]] std::vector<std::string> left() const;

 private:
  struct One {
    int descriptor = -1;
    std::string address;
  };
  std::vector<One> sockets_;
};

}  // namespace crier::net
