#include <algorithm>
#include <string>
#include <vector>

#include "tests/integration/load/loop.hpp"
#include "tests/integration/load/scenarios.hpp"

namespace crier::load {

namespace {

constexpr std::uint32_t connecting_max = 256;
constexpr std::uint32_t probes_max = 200;

class ConnectionsRun {
 public:
  explicit ConnectionsRun(const Options& options)
      : options_(options),
        deadline_(Clock::now() + std::chrono::milliseconds(static_cast<long>(options.deadline * 1000))) {}

  int run() {
    descriptors_before_ = open_descriptors(options_.server_pid);
    resident_before_ = resident_kb(options_.server_pid);
    bool complete = true;
    for (std::uint32_t round = 0; complete && round < options_.rounds; ++round) {
      complete = open_all(round) && probe() && close_all();
    }
    Report line;
    line.count("complete", complete ? 1 : 0);
    line.text("reached", reached_);
    line.count("failed", failed_);
    line.count("descriptors_before", descriptors_before_);
    line.count("resident_kb_before", resident_before_);
    line.list("descriptors_open", descriptors_open_);
    line.list("descriptors_after", descriptors_after_);
    line.list("resident_kb_open", resident_open_);
    line.list("resident_kb_after", resident_after_);
    line.print();
    return complete ? 0 : 1;
  }

 private:
  // A channel for each connection; opens a few at a time, so that the listener's backlog never overflows.
  bool open_all(std::uint32_t round) {
    reached_ = "opening";
    subscribed_ = 0;
    std::uint32_t started = 0;
    const bool opened = loop_.run(deadline_, [&] {
      while (started < options_.connections && started - subscribed_ < connecting_max) {
        auto on_text = [this](Connection&, std::string_view text) { take(text); };
        // Ports of closed connections stay taken for a minute: another source address each round.
        loop_.add(std::make_unique<Connection>(options_.port, 2 + round % 200,
                                               "/message?channel=load." + std::to_string(started), on_text));
        ++started;
      }
      return subscribed_ == options_.connections;
    });
    failed_ += loop_.closed();
    resident_open_.push_back(resident_kb(options_.server_pid));
    descriptors_open_.push_back(open_descriptors(options_.server_pid));
    return opened && failed_ == 0;
  }

  // Some of them publish to a far neighbour: all these connections are really alive.
  bool probe() {
    reached_ = "probing";
    messages_ = 0;
    const std::uint32_t probes = std::min(probes_max, options_.connections);
    const std::uint32_t step = options_.connections / probes;
    for (std::uint32_t i = 0; i < probes; ++i) {
      const std::uint32_t from = i * step;
      const std::uint32_t to = options_.connections - 1 - from;
      Connection& sender = *loop_.connections()[from];
      sender.send_text("{\"op\":\"publish\",\"channel\":\"load." + std::to_string(to) + "\",\"data\":[0,0]}");
      loop_.flush(sender);
    }
    return loop_.run(deadline_, [&] { return messages_ == probes; });
  }

  // In every way a client can go: politely, by the end of the stream, by a reset.
  bool close_all() {
    reached_ = "closing";
    std::uint32_t turn = 0;
    for (const auto& connection : loop_.connections()) {
      connection->leave(static_cast<Leave>(turn++ % 3));
      loop_.flush(*connection);
    }
    if (!loop_.run(deadline_, [&] { return loop_.closed() == loop_.connections().size(); })) return false;
    loop_.clear();
    reached_ = "waiting for the server to let go";
    const bool released = loop_.run(std::min(deadline_, Clock::now() + std::chrono::seconds(30)), [&] {
      return options_.server_pid == 0 || open_descriptors(options_.server_pid) <= descriptors_before_;
    });
    descriptors_after_.push_back(open_descriptors(options_.server_pid));
    resident_after_.push_back(resident_kb(options_.server_pid));
    return released;
  }

  void take(std::string_view text) {
    std::uint32_t publisher = 0;
    std::uint32_t number = 0;
    if (text.starts_with("{\"op\":\"subscribed\"")) ++subscribed_;
    if (read_data(text, publisher, number)) ++messages_;
  }

  Options options_;
  Clock::time_point deadline_;
  Loop loop_;
  std::string_view reached_ = "start";
  std::uint32_t subscribed_ = 0;
  std::uint32_t messages_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t descriptors_before_ = 0;
  std::uint64_t resident_before_ = 0;
  std::vector<std::uint64_t> descriptors_open_, descriptors_after_, resident_open_, resident_after_;
};

}  // namespace

int run_connections(const Options& options) {
  return ConnectionsRun(options).run();
}

}  // namespace crier::load
