// A program without an event loop: subscribes, publishes to itself, waits for the message.
//   blocking [URL]
#include <crier/blocking_client.hpp>
#include <iostream>

int main(int argc, char** argv) {
  crier::client::BlockingClient client({.url = argc > 1 ? argv[1] : "ws://localhost:8008/message"});
  if (const auto connected = client.wait_connected(std::chrono::seconds(5)); !connected) {
    std::cerr << connected.error().message << '\n';
    return 1;
  }
  if (const auto subscribed = client.subscribe("greetings"); !subscribed) {
    std::cerr << subscribed.error().message << '\n';
    return 1;
  }
  const auto published = client.publish({.channel = "greetings", .data = crier::client::json_string("hello")});
  if (!published) {
    std::cerr << published.error().message << '\n';
    return 1;
  }
  std::cout << "published at " << published->position << '\n';
  if (const auto message = client.next_message(std::chrono::seconds(5))) {
    std::cout << "received " << message->data << " at " << message->position << '\n';
    return 0;
  }
  std::cerr << "nothing came within 5 s\n";
  return 1;
}
