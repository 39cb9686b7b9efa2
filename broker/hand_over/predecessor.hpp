// The broker that runs already, seen by the process that is to take over from it. Blocking; at start, on one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/hand_over/line_socket.hpp"
#include "protocol/base/result.hpp"

namespace crier::hand_over {

class Predecessor {
 public:
  // Nobody: none runs on that state directory, or one that opens no door.
  [[nodiscard]] static Result<std::optional<Predecessor>, std::string> find(const std::string& door);

  // The predecessor stops; its state lies in the directory, under the lock, which is the first of the descriptors. The
  // others are its listening sockets. When this object goes before the state
  // is committed, the predecessor goes on. Errors are
  // sentences.
  [[nodiscard]] Result<std::vector<FileDescriptor>, std::string> ask();
  // Everything is ready to serve; comes back when the predecessor lets go, or is gone, or says nothing. Then `commit`
  // of the state directory decides. "": it let go; otherwise why it may not have.
  [[nodiscard]] std::string announce();
  // This process has committed.
  void tell_taken();

 private:
  explicit Predecessor(FileDescriptor socket) : socket_(std::move(socket)) {}
  FileDescriptor socket_;
};

}  // namespace crier::hand_over
