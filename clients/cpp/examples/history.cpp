// Prints what a channel remembers, page by page, and who is there.
//   history URL CHANNEL
#include <crier/blocking_client.hpp>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "history URL CHANNEL\n";
    return 2;
  }
  crier::client::BlockingClient client({.url = argv[1]});
  crier::client::HistoryQuery query{.channel = argv[2], .limit = 100};
  for (bool more = true; more;) {
    const auto page = client.history(query);
    if (!page) {
      std::cerr << page.error().message << '\n';
      return 1;
    }
    for (const auto& message : page->messages) std::cout << message.position << ' ' << message.data << '\n';
    more = page->more;
    query.cursor = page->cursor;
  }
  const auto members = client.presence(argv[2]);
  if (!members) {
    std::cerr << members.error().message << '\n';
    return 1;
  }
  std::cout << members->count << " members\n";
}
