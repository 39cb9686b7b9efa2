// Signals, and the end of a process that nobody should notice.
#include <algorithm>
#include <asio/post.hpp>
#include <csignal>
#include <utility>

#include "broker/runtime/log.hpp"
#include "broker/server.hpp"

namespace crier {

namespace {

// How long connections get to read their last bytes and close, after 1012 was sent.
constexpr std::chrono::seconds close_time_max{5};
// To write a big state to a slow disk.
constexpr std::chrono::seconds state_time_max{60};
constexpr std::chrono::milliseconds drain_poll{20};
// Of the window for each connection: what a small broker comes back from at once, a big one takes its time for.
constexpr std::chrono::milliseconds drain_time_each{50};

}  // namespace

void Server::on_signal() {
  signals_.async_wait([this](const asio::error_code& error, int number) {
    if (error) return;
    if (number == SIGHUP) {
      if (!draining_) reload("SIGHUP");
      return on_signal();
    }
    if (number == SIGUSR2 || number == SIGCHLD) {
      if (number == SIGCHLD) on_child_ended();
      if (number == SIGUSR2 && !draining_) start_successor();
      return on_signal();
    }
    if (std::exchange(told_to_end_, true)) {
      runtime::log(runtime::LogLevel::warn, "second signal: ending at once");
      return context_.stop();
    }
    if (!draining_) begin_drain(number == SIGTERM ? "SIGTERM" : "SIGINT");
    on_signal();
  });
}

std::size_t Server::connection_count() const {
  std::size_t connections = 0;
  for (const auto& worker : workers_) connections += worker->connection_count();
  return connections;
}

std::chrono::milliseconds Server::drain_window() const {
  return std::min<std::chrono::milliseconds>(config_.server.drain_timeout,
                                             drain_time_each * static_cast<std::int64_t>(connection_count()));
}

void Server::begin_drain(std::string_view cause) {
  if (door_) door_->close();
  if (draining_) return;  // it was handed over in this moment
  const std::chrono::milliseconds window = drain_window();
  runtime::log(runtime::LogLevel::info, "draining: connections are sent away over a while",
               {{"cause", std::string(cause)},
                {"connections", std::to_string(connection_count())},
                {"over_ms", std::to_string(window.count())}});
  stop_serving(window);
  for (const auto& worker : workers_) worker->drain(window);
}

// Asked again, it answers what is left.
std::string Server::drain_on_request() {
  using std::chrono::milliseconds;
  milliseconds left = drain_window() + close_time_max;
  if (draining_) {
    left = std::chrono::duration_cast<milliseconds>(drain_until_ - std::chrono::steady_clock::now());
  } else {
    // Behind the answer: with no connections it is the end at once.
    asio::post(context_, [this] {
      if (!draining_) begin_drain("POST /drain");
    });
  }
  return R"({"connections":)" + std::to_string(connection_count()) + R"(,"at_most_ms":)" +
         std::to_string(std::max<std::int64_t>(0, left.count())) + "}\n";
}

// What every end has in common; the workers are told by whoever calls this.
void Server::stop_serving(std::chrono::milliseconds window) {
  draining_ = true;
  files_timer_.cancel();
  admin_->readiness().set_draining();
  for (const auto& listener : listeners_) listener->stop();
  drain_until_ = std::chrono::steady_clock::now() + window + close_time_max;
  if (!handed_over_) manager_.stopping(window + close_time_max + state_time_max);
  wait_for_last_connection();
}

void Server::wait_for_last_connection() {
  const std::size_t connections = connection_count();
  if (connections == 0 || std::chrono::steady_clock::now() >= drain_until_) {
    if (connections > 0) {
      runtime::log(runtime::LogLevel::warn, "connections left open by their peers are cut",
                   {{"connections", std::to_string(connections)}});
    }
    return context_.stop();
  }
  drain_timer_.expires_after(drain_poll);
  drain_timer_.async_wait([this](const asio::error_code& error) {
    if (!error) wait_for_last_connection();
  });
}

}  // namespace crier
