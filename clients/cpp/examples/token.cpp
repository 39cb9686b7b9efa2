// Connects over TLS with tokens that a program fetches whenever one is needed, and prints what it may see.
//   token URL CA_FILE TOKEN_FILE CHANNEL
#include <asio/io_context.hpp>
#include <crier/client.hpp>
#include <fstream>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "token URL CA_FILE TOKEN_FILE CHANNEL\n";
    return 2;
  }
  std::cout << std::unitbuf;  // whoever reads it may wait for a line
  asio::io_context io;
  crier::client::Options options{.url = argv[1]};
  options.tls.ca_file = argv[2];
  // Asked before connecting, and again in time before the token is over. A program that asks its login over the
  // network answers later, from any thread.
  options.token_source = [file = std::string(argv[3])](crier::client::TokenReason, const auto& reply) {
    std::string token;
    if (std::ifstream(file) >> token) return reply(token);
    reply(crier::client::Error{.message = file + " holds no token"});
  };
  crier::client::ClientHandlers handlers;
  handlers.on_state = [](const crier::client::StateChange& change) {
    if (change.state == crier::client::State::connected) std::cout << "connected as " << change.user << '\n';
    if (change.error) std::cerr << change.error->message << '\n';
  };
  handlers.on_error = [](const crier::client::Error& error) { std::cerr << error.message << '\n'; };
  crier::client::Client client(io.get_executor(), options, handlers);

  crier::client::SubscriptionHandlers channel;
  channel.on_message = [](const crier::client::Message& message) { std::cout << message.data << '\n'; };
  channel.on_ended = [&client](const crier::client::Error& error) {
    std::cerr << error.message << '\n';
    client.close();
  };
  if (const auto taken = client.subscribe(argv[4], {}, channel); !taken) {
    std::cerr << taken.error().message << '\n';
    return 1;
  }
  client.start();
  io.run();
}
