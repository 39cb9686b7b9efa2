// Prints the messages of channels and patterns until it is interrupted, over every cut of the connection.
//   subscribe URL CHANNEL...
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <crier/client.hpp>
#include <iostream>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "subscribe URL CHANNEL...\n";
    return 2;
  }
  std::cout << std::unitbuf;  // whoever reads it may wait for a line
  asio::io_context io;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  crier::client::ClientHandlers handlers;
  handlers.on_state = [&signals](const crier::client::StateChange& change) {
    std::cerr << to_string(change.state) << (change.error ? ": " + change.error->message : "") << '\n';
    if (change.state == crier::client::State::closed) signals.cancel();
  };
  crier::client::Client client(io.get_executor(), {.url = argv[1]}, handlers);

  for (int i = 2; i < argc; ++i) {
    crier::client::SubscriptionHandlers channel;
    channel.on_message = [](const crier::client::Message& message) {
      std::cout << message.channel << ' ' << message.data << '\n';
    };
    channel.on_subscribed = [](const crier::client::Subscribed& subscribed) {
      std::cerr << "subscribed to " << subscribed.channel << '\n';
      if (subscribed.recovered == false) std::cerr << "messages may be missing here\n";
    };
    channel.on_gap = [](const crier::client::Gap& gap) {
      std::cerr << gap.channel << ": " << (gap.lost ? std::to_string(*gap.lost) : "some") << " messages are missing\n";
    };
    channel.on_ended = [](const crier::client::Error& error) { std::cerr << error.message << '\n'; };
    if (const auto taken = client.subscribe(argv[i], {}, channel); !taken) {
      std::cerr << taken.error().message << '\n';
      return 1;
    }
  }
  signals.async_wait([&client](const asio::error_code& error, int) {
    if (!error) client.close();
  });
  client.start();
  io.run();
}
