// Where the next process knocks: a socket in server.state_dir on which a running broker can be asked to hand over.
// Thread: the one that runs the context. Only the broker's own user and root are let in.
#pragma once

#include <sys/types.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/hand_over/line_socket.hpp"
#include "broker/net/unix_socket.hpp"
#include "protocol/base/result.hpp"

namespace crier::hand_over {

// Where the door of a state directory is.
[[nodiscard]] std::string door_path(const std::string& state_dir);

class Door {
 public:
  // What the broker does about it; none may destroy the door.
  struct Owner {
    // Comes to a stop and writes its state. The descriptors to pass on, which stay its own: the state directory's lock
    // first, then the listening sockets. An error is a sentence, and the broker goes on as if nothing had been asked.
    std::function<Result<std::vector<int>, std::string>()> stop;
    // Nobody is going to take it over after all. False: somebody already has, by the state directory, which decides.
    std::function<bool(const std::string& why)> go_on;
    // It is the other's from now on.
    std::function<void(pid_t successor)> leave;
  };

  // For who holds the lock of the state directory that `path` is in.
  [[nodiscard]] static Result<std::unique_ptr<Door>, std::string> open(asio::io_context& context,
                                                                       const std::string& path, Owner owner);
  // Nobody is let in any more; who is in with a half-done hand-over is told so.
  void close();

 private:
  enum class Stage : std::uint8_t { waiting, asked, stopped, going };

  Door(asio::io_context& context, net::UnixSocket file, Owner owner);
  void wait_for_knock();
  void let_in();
  void wait_for_word();
  void listen_for_word();
  void on_word();
  void on_ask(const std::string& text);
  void on_ready();
  void on_taken();
  // The other one is shown out.
  void end(const std::string& why);
  void show_out();

  net::UnixSocket file_;
  asio::posix::stream_descriptor listener_;
  asio::posix::stream_descriptor visitor_;
  asio::steady_timer patience_;
  Owner owner_;
  Stage stage_ = Stage::waiting;
  std::uint64_t awaited_ = 0;  // tells the handler of this word from one of a word that came before
};

}  // namespace crier::hand_over
