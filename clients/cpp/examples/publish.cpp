// Publishes ten messages asynchronously, and says where the broker has put each.
//   publish [URL] [CHANNEL]
#include <asio/io_context.hpp>
#include <crier/client.hpp>
#include <iostream>
#include <string>

namespace {

constexpr int messages = 10;

}  // namespace

int main(int argc, char** argv) {
  const std::string url = argc > 1 ? argv[1] : "ws://localhost:8008/message";
  const std::string channel = argc > 2 ? argv[2] : "news";

  asio::io_context io;
  int failed = 0;
  crier::client::ClientHandlers handlers;
  handlers.on_state = [](const crier::client::StateChange& change) {
    if (change.error) std::cerr << change.error->message << '\n';
  };
  crier::client::Client client(io.get_executor(), {.url = url}, handlers);

  for (int i = 1; i <= messages; ++i) {
    // With `retry` a publish that a cut has caught is sent again, and stored once.
    const auto taken =
        client.publish({.channel = channel, .data = R"({"number":)" + std::to_string(i) + "}", .retry = true},
                       [&failed](const crier::client::Result<crier::client::Published>& published) {
                         if (published) {
                           std::cout << published->channel << ' ' << published->position << '\n';
                         } else {
                           std::cerr << published.error().message << '\n';
                           ++failed;
                         }
                       });
    if (!taken) {  // the outbox is full, or the data is no JSON
      std::cerr << taken.error().message << '\n';
      return 1;
    }
  }
  client.start();
  client.close();  // waits for the answers
  io.run();
  return failed == 0 ? 0 : 1;
}
