// crier_test_cpp_client OPTIONS: reads lines from standard input until it ends or the client has closed.
// crier_test_cpp_client OPTIONS blocking: many threads on one BlockingClient.
#include <unistd.h>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read_until.hpp>
#include <exception>
#include <iostream>
#include <string>

#include "tests/integration/cpp_client/player.hpp"

namespace {

using crier::testing::Json;
using crier::testing::Player;

class Lines {
 public:
  Lines(asio::io_context& io, Player& player) : input_(io, ::dup(STDIN_FILENO)), player_(player) { read(); }

 private:
  void read() {
    asio::async_read_until(input_, asio::dynamic_buffer(text_), '\n',
                           [this](const asio::error_code& error, std::size_t bytes) {
                             if (error) return;
                             const Json line = Json::parse(text_.substr(0, bytes));
                             text_.erase(0, bytes);
                             player_.play(line);
                             if (!player_.over()) read();
                           });
  }

  asio::posix::stream_descriptor input_;
  Player& player_;
  std::string text_;
};

}  // namespace

int main(int argc, char** argv) try {
  const Json options = Json::parse(argc > 1 ? argv[1] : "{}");
  if (argc > 2) return crier::testing::play_blocking(options);
  asio::io_context io;
  Player player(io, options);
  const Lines lines(io, player);
  io.run();
  return 0;
} catch (const std::exception& error) {
  crier::testing::say({{"event", "threw"}, {"message", error.what()}});
  return 3;
}
