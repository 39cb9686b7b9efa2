// The end of a loop's connections: spread over time, and the stop before another process takes over.
#include <algorithm>
#include <asio/post.hpp>
#include <future>

#include "broker/net/worker.hpp"
#include "broker/runtime/jitter.hpp"

namespace crier::net {

namespace {

// Of the window, for those who lose by waiting.
constexpr int first_share = 10;

}  // namespace

void Worker::drain(std::chrono::milliseconds window) {
  asio::post(context_, [this, window] {
    shutting_down_ = true;
    for (Connection* connection = connections_; connection != nullptr; connection = connection->next) {
      schedule_departure(*connection, std::chrono::milliseconds{0}, window);
    }
  });
}

void Worker::hand_over(std::chrono::milliseconds window) {
  asio::post(context_, [this, window] {
    shutting_down_ = true;
    environment_.handed_over = true;
    const auto first = window / first_share;
    for (Connection* connection = connections_; connection != nullptr; connection = connection->next) {
      const bool loses = !connection->closed() && connection->started() && connection->transport().on_handed_over();
      schedule_departure(*connection, loses ? std::chrono::milliseconds{0} : first, loses ? first : window);
    }
  });
}

void Worker::schedule_departure(Connection& connection, std::chrono::milliseconds least,
                                std::chrono::milliseconds most) {
  if (connection.closed() || connection.leaves_at_ != 0) return;
  if (!connection.started()) return connection.close();  // there is nobody yet to say goodbye to
  const auto from = static_cast<std::uint64_t>(least.count());
  const std::chrono::milliseconds in(runtime::jitter(from, std::max(from, static_cast<std::uint64_t>(most.count()))));
  connection.leaves_at_ = wheel_.now() + std::max<runtime::Tick>(1, ticks(in));
  departures_.add(connection, connection.leaves_at_);
  connection.transport().on_drain(in);
}

void Worker::depart_due() {
  for (Connection* const connection : departures_.take_due(wheel_.now())) {
    connection->leaves_at_ = 0;
    if (!connection->closed()) connection->transport().on_shutdown();
  }
}

void Worker::freeze() {
  asio::post(context_, [this] {
    frozen_ = true;
    for (Connection* connection = connections_; connection != nullptr; connection = connection->next) {
      if (connection->started()) connection->pause_reading();
    }
  });
}

void Worker::unfreeze() {
  asio::post(context_, [this] {
    frozen_ = false;
    for (Connection* connection = connections_; connection != nullptr; connection = connection->next) {
      if (connection->started()) connection->resume_reading();
    }
  });
}

std::future<Worker::Traffic> Worker::ask_traffic() {
  std::packaged_task<Traffic()> task([this] {
    return Traffic{inbox_.empty() && !shard_.has_work() && !turn_posted_ && shard_.settled(), batches_sent_};
  });
  std::future<Traffic> answer = task.get_future();
  asio::post(context_, std::move(task));
  return answer;
}

void Worker::on_loop(const std::function<void()>& what) {
  if (!thread_.joinable()) return what();
  std::packaged_task<void()> task(what);
  const std::future<void> done = task.get_future();
  asio::post(context_, std::move(task));
  done.wait();
}

}  // namespace crier::net
