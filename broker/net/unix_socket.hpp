// A listening socket in the file system.
#pragma once

#include <sys/types.h>

#include <string>

#include "protocol/base/result.hpp"

namespace crier::net {

// The descriptor, non-blocking, and the file: both go with this object, the file only if it is still this one's.
// Who may write to the file may connect: it has mode 0660.
class UnixSocket {
 public:
  // A file that is there already goes if it is a socket on which nobody listens any more. An error is a sentence.
  [[nodiscard]] static Result<UnixSocket, std::string> listen(const std::string& path, int backlog);
  UnixSocket(UnixSocket&& other) noexcept;
  UnixSocket& operator=(UnixSocket&& other) noexcept;
  ~UnixSocket();

  // The caller's from here on; the file stays this object's.
  [[nodiscard]] int release() noexcept;
  // The file stays when this object goes.
  void leave() noexcept { path_.clear(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  UnixSocket() = default;
  int descriptor_ = -1;
  std::string path_;  // "": no file is ours
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace crier::net
