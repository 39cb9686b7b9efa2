// Publishes as many messages as it is told to, as fast as the broker takes them: one wait for many answers.
//   batch URL CHANNEL COUNT
#include <crier/blocking_client.hpp>
#include <iostream>
#include <string>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "batch URL CHANNEL COUNT\n";
    return 2;
  }
  crier::client::BlockingClient client({.url = argv[1]});
  std::vector<crier::client::Publication> publications;
  for (long i = 0; i < std::stol(argv[3]); ++i) {
    publications.push_back({.channel = argv[2], .data = std::to_string(i)});
  }
  const long count = static_cast<long>(publications.size());
  long stored = 0;
  std::string failure;
  for (const auto& published : client.publish_batch(std::move(publications))) {
    if (published) {
      ++stored;
    } else {
      failure = published.error().message;
    }
  }
  if (stored < count) std::cerr << count - stored << " messages failed: " << failure << '\n';
  std::cout << "stored " << stored << " messages\n";
  return stored == count ? 0 : 1;
}
