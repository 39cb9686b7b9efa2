// One BlockingClient, many threads: what each of them is promised must hold for all at once.
#include <atomic>
#include <crier/blocking_client.hpp>
#include <set>
#include <thread>
#include <vector>

#include "tests/integration/cpp_client/player.hpp"

namespace crier::testing {

namespace {

constexpr int publishers = 4;
constexpr std::chrono::seconds patience{60};

// The numbers of one publisher, in its order: by single publishes, by a batch, and without waiting for each.
int publish_numbers(client::BlockingClient& blocking, const std::string& channel, int first, int count) {
  int failed = 0;
  const auto publication = [&](int number) {
    return client::Publication{.channel = channel, .data = std::to_string(first + number), .retry = true};
  };
  for (int i = 0; i < count; ++i) failed += blocking.publish(publication(i)) ? 0 : 1;
  std::vector<client::Publication> batch;
  for (int i = count; i < 2 * count; ++i) batch.push_back(publication(i));
  for (const auto& result : blocking.publish_batch(std::move(batch))) failed += result ? 0 : 1;
  std::vector<std::future<client::Result<client::Published>>> answers;
  for (int i = 2 * count; i < 3 * count; ++i) answers.push_back(blocking.publish_later(publication(i)));
  for (auto& answer : answers) failed += answer.get() ? 0 : 1;
  return failed;
}

}  // namespace

int play_blocking(const Json& json) {
  const int count = json.value("count", 100);
  const std::string channel = json.value("channel", "blocking");
  // Small queues, so that every wait for room is met.
  client::Options options = options_of(json);
  options.outbox_bytes_max = 8 * 1024;
  client::BlockingClient blocking(options, 16 * 1024);
  const auto subscribed = blocking.subscribe(channel);
  if (!subscribed) {
    say({{"event", "failed"}, {"error", to_json(subscribed.error())}});
    return 1;
  }
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  threads.reserve(publishers);
  for (int i = 0; i < publishers; ++i) {
    threads.emplace_back([&, i] { failed += publish_numbers(blocking, channel, i * 1'000'000, count); });
  }
  std::vector<int> next(publishers, 0);
  int wrong = 0;
  const int all = publishers * 3 * count;
  int received = 0;
  for (; received < all; ++received) {
    const auto message = blocking.next_message(patience);
    if (!message) break;
    const int number = std::stoi(message->data);
    wrong += number % 1'000'000 == next[static_cast<std::size_t>(number / 1'000'000)]++ ? 0 : 1;
  }
  for (auto& thread : threads) thread.join();
  const auto page = blocking.history({.channel = channel, .limit = 1});
  const bool pinged = static_cast<bool>(blocking.ping());
  const bool gone = static_cast<bool>(blocking.unsubscribe(channel));
  blocking.close();
  say({{"event", "blocking"},
       {"received", received},
       {"wrong", wrong},
       {"failed", failed.load()},
       {"history", page ? page->messages.size() : 0},
       {"pinged", pinged},
       {"unsubscribed", gone},
       {"closed", blocking.state() == client::State::closed},
       {"after", to_string(blocking.publish({.channel = channel, .data = "1"}).error().code)}});
  return 0;
}

}  // namespace crier::testing
