#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/load/loop.hpp"
#include "tests/integration/load/scenarios.hpp"

namespace crier::load {

namespace {

constexpr std::size_t unsent_bytes_max = 64 * 1024;
constexpr std::string_view filler = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr";

// The only subscriber, in a thread of its own so that publishing never keeps it from reading.
class FloodSubscriber {
 public:
  FloodSubscriber(const Options& options, Clock::time_point deadline)
      : deadline_(deadline), next_(options.publishers, 0) {
    auto on_text = [this](Connection&, std::string_view text) { take(text); };
    loop_.add(std::make_unique<Connection>(options.port, 1, "/message?channel=flood", on_text));
  }

  bool subscribe() {
    return loop_.run(deadline_, [this] { return subscribed_ || loop_.closed() > 0; }) && subscribed_;
  }
  // Reads until `expected` messages have come; the number may be told while it runs.
  void read_all(const std::atomic<std::uint64_t>& expected) {
    loop_.run(deadline_, [&] { return received >= expected.load() || loop_.closed() > 0; });
    close_code = loop_.connections().front()->close_code();
  }

  std::uint64_t received = 0;
  std::uint64_t misordered = 0;
  std::uint16_t close_code = 0;

 private:
  void take(std::string_view text) {
    std::uint32_t publisher = 0;
    std::uint32_t number = 0;
    if (!read_data(text, publisher, number) || publisher >= next_.size()) {
      if (text.starts_with("{\"op\":\"subscribed\"")) subscribed_ = true;
      return;
    }
    ++received;
    if (next_[publisher] != number) ++misordered;
    next_[publisher] = number + 1;
  }

  Clock::time_point deadline_;
  Loop loop_;
  std::vector<std::uint32_t> next_;
  bool subscribed_ = false;
};

class FloodPublishers {
 public:
  FloodPublishers(const Options& options, Clock::time_point deadline)
      : options_(options), deadline_(deadline), sent_(options.publishers, 0) {
    for (std::uint32_t p = 0; p < options.publishers; ++p) {
      auto on_text = [this](Connection&, std::string_view text) { take(text); };
      loop_.add(std::make_unique<Connection>(options.port, 1, "/message", on_text)).index = p;
    }
  }

  // Sends without a pause for options.seconds; then each asks for an acknowledgement of its last message.
  bool run() {
    if (!loop_.run(deadline_, [&] { return welcomed_ == options_.publishers; })) return false;
    const auto start = Clock::now();
    auto sampled = start;
    const bool flooded = loop_.run(deadline_, [&] {
      if (Clock::now() - sampled > std::chrono::milliseconds(50)) {
        sampled = Clock::now();
        resident_kb_peak = std::max(resident_kb_peak, resident_kb(options_.server_pid));
      }
      for (const auto& connection : loop_.connections()) fill(*connection);
      return seconds_since(start) >= options_.seconds || loop_.closed() > 0;
    });
    seconds = seconds_since(start);
    for (const auto& connection : loop_.connections()) {
      connection->send_text(publish(*connection, ",\"id\":\"last\""));
      loop_.flush(*connection);
    }
    return flooded &&
           loop_.run(deadline_, [&] { return acknowledged_ == options_.publishers || loop_.closed() > 0; }) &&
           acknowledged_ == options_.publishers;
  }

  [[nodiscard]] std::uint64_t published() const {
    std::uint64_t total = 0;
    for (const std::uint32_t count : sent_) total += count;
    return total;
  }

  std::uint64_t resident_kb_peak = 0;
  std::uint64_t errors = 0;
  double seconds = 0;

 private:
  std::string publish(const Connection& connection, std::string_view more) {
    return "{\"op\":\"publish\",\"channel\":\"flood\",\"data\":[" + std::to_string(connection.index) + "," +
           std::to_string(sent_[connection.index]++) + ",\"" + std::string(filler) + "\"]" + std::string(more) + "}";
  }

  void fill(Connection& connection) {
    if (connection.unsent() > unsent_bytes_max / 2) return;
    while (connection.unsent() < unsent_bytes_max) connection.send_text(publish(connection, ""));
    loop_.flush(connection);
  }

  void take(std::string_view text) {
    if (text.starts_with("{\"op\":\"welcome\"")) ++welcomed_;
    if (text.starts_with("{\"op\":\"published\"")) ++acknowledged_;
    if (text.starts_with("{\"op\":\"error\"")) ++errors;
  }

  Options options_;
  Clock::time_point deadline_;
  Loop loop_;
  std::vector<std::uint32_t> sent_;
  std::uint32_t welcomed_ = 0;
  std::uint32_t acknowledged_ = 0;
};

}  // namespace

int run_flood(const Options& options) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(static_cast<long>(options.deadline * 1000));
  FloodSubscriber subscriber(options, deadline);
  if (!subscriber.subscribe()) return 1;
  std::atomic<std::uint64_t> expected{~std::uint64_t{0}};
  std::thread reader([&] { subscriber.read_all(expected); });
  FloodPublishers publishers(options, deadline);
  const bool acknowledged = publishers.run();
  expected.store(publishers.published());
  reader.join();

  Report line;
  line.count("acknowledged", acknowledged ? 1 : 0);
  line.count("published", publishers.published());
  line.count("received", subscriber.received);
  line.count("misordered", subscriber.misordered);
  line.count("errors", publishers.errors);
  line.count("subscriber_close_code", subscriber.close_code);
  line.count("resident_kb_peak", publishers.resident_kb_peak);
  line.number("published_per_s", static_cast<double>(publishers.published()) / std::max(publishers.seconds, 0.001));
  line.print();
  return acknowledged ? 0 : 1;
}

}  // namespace crier::load
