#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/load/loop.hpp"
#include "tests/integration/load/scenarios.hpp"

namespace crier::load {

namespace {

struct Subscriber {
  std::vector<std::uint32_t> next;  // expected number of each publisher
  std::uint64_t received = 0;
  std::uint64_t misordered = 0;                 // not the publisher's next: lost, twice, or out of order
  std::uint64_t order = 14695981039346656037U;  // a hash over the sequence as it arrived
};

class OrderRun {
 public:
  explicit OrderRun(const Options& options) : options_(options), seen_(options.subscribers) {
    for (Subscriber& subscriber : seen_) subscriber.next.assign(options.publishers, 0);
    sent_.assign(options.publishers, 0);
  }

  int run() {
    const auto start = Clock::now();
    const auto deadline = start + std::chrono::milliseconds(static_cast<long>(options_.deadline * 1000));
    const bool subscribed = connect(deadline);
    const auto begin = Clock::now();
    const bool complete = subscribed && loop_.run(deadline, [&] { return publish_some() && received_all(); });
    report(complete, seconds_since(begin));
    return complete ? 0 : 1;
  }

 private:
  bool connect(Clock::time_point deadline) {
    for (std::uint32_t i = 0; i < options_.subscribers; ++i) {
      auto on_text = [this](Connection& from, std::string_view text) { on_subscriber_text(from, text); };
      add("/message?channel=order.all", i, on_text);
    }
    for (std::uint32_t i = 0; i < options_.publishers; ++i) {
      auto on_text = [this](Connection&, std::string_view text) { on_publisher_text(text); };
      publishers_.push_back(&add("/message", i, on_text));
    }
    return loop_.run(deadline, [&] { return subscribed_ == options_.subscribers && welcomed_ == options_.publishers; });
  }

  Connection& add(std::string_view target, std::uint32_t index, Connection::OnText on_text) {
    Connection& added = loop_.add(std::make_unique<Connection>(options_.port, 1, target, std::move(on_text)));
    added.index = index;
    return added;
  }

  void on_subscriber_text(Connection& from, std::string_view text) {
    std::uint32_t publisher = 0;
    std::uint32_t number = 0;
    if (!read_data(text, publisher, number)) {
      if (text.starts_with("{\"op\":\"subscribed\"")) ++subscribed_;
      if (text.starts_with("{\"op\":\"error\"")) ++errors_;
      if (text.starts_with("{\"op\":\"gap\"")) ++gaps_;
      return;
    }
    Subscriber& subscriber = seen_[from.index];
    ++subscriber.received;
    if (publisher >= options_.publishers || subscriber.next[publisher] != number) ++subscriber.misordered;
    if (publisher < options_.publishers) subscriber.next[publisher] = number + 1;
    subscriber.order = (subscriber.order ^ (std::uint64_t{publisher} << 32 | number)) * 1099511628211U;
  }

  void on_publisher_text(std::string_view text) {
    if (text.starts_with("{\"op\":\"welcome\"")) ++welcomed_;
    if (text.starts_with("{\"op\":\"error\"")) ++errors_;
  }

  // All publishers send as long as the slowest subscriber is not too far behind: a subscriber must not
  // be cut off here for slowness. True when everything has been sent.
  bool publish_some() {
    const auto slowest = std::min_element(seen_.begin(), seen_.end(), [](const Subscriber& a, const Subscriber& b) {
                           return a.received < b.received;
                         })->received;
    bool progress = true;
    while (progress && total_sent_ < options_.messages && total_sent_ - slowest < options_.window) {
      progress = false;
      for (std::uint32_t p = 0; p < options_.publishers && total_sent_ < options_.messages; ++p) {
        if (publishers_[p]->phase() != Phase::open || publishers_[p]->unsent() > 16 * 1024) continue;
        publishers_[p]->send_text("{\"op\":\"publish\",\"channel\":\"order.all\",\"data\":[" + std::to_string(p) + "," +
                                  std::to_string(sent_[p]++) + "]}");
        ++total_sent_;
        progress = true;
      }
    }
    for (Connection* publisher : publishers_) loop_.flush(*publisher);
    return total_sent_ == options_.messages || loop_.closed() > 0;
  }

  bool received_all() const {
    return loop_.closed() > 0 || std::all_of(seen_.begin(), seen_.end(), [&](const Subscriber& subscriber) {
             return subscriber.received >= total_sent_;
           });
  }

  void report(bool complete, double seconds) const {
    std::set<std::uint64_t> orders;
    std::uint64_t received = 0;
    std::uint64_t misordered = 0;
    for (const Subscriber& subscriber : seen_) {
      orders.insert(subscriber.order);
      received += subscriber.received;
      misordered += subscriber.misordered;
    }
    Report line;
    line.count("complete", complete ? 1 : 0);
    line.count("published", total_sent_);
    line.count("subscribed", subscribed_);
    line.count("received", received);
    line.count("misordered", misordered);
    line.count("orders", orders.size());
    line.count("errors", errors_);
    line.count("gaps", gaps_);
    line.count("closed", loop_.closed());
    line.number("seconds", seconds);
    line.print();
  }

  Options options_;
  Loop loop_;
  std::vector<Subscriber> seen_;
  std::vector<Connection*> publishers_;
  std::vector<std::uint32_t> sent_;
  std::uint64_t total_sent_ = 0;
  std::uint64_t subscribed_ = 0;
  std::uint64_t welcomed_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t gaps_ = 0;
};

}  // namespace

int run_order(const Options& options) {
  return OrderRun(options).run();
}

}  // namespace crier::load
