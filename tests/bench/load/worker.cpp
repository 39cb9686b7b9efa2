#include "tests/bench/load/worker.hpp"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

#include "tests/bench/load/run.hpp"
#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

constexpr std::int64_t wait_max_ns = second_ns / 10;
constexpr unsigned long timer_slack_ns = 1000;  // the kernel's 50 us would show in the latencies
constexpr std::size_t events_max = 512;

}  // namespace

void Statistics::add(const Statistics& other) {
  deliveries += other.deliveries;
  reads += other.reads;
  published += other.published;
  duplicates += other.duplicates;
  misordered += other.misordered;
  misrouted += other.misrouted;
  corrupt += other.corrupt;
  stalls += other.stalls;
  http_errors += other.http_errors;
  disconnected += other.disconnected;
  latency.merge(other.latency);
}

Worker::Worker(Run& run, int number, std::uint64_t seed)
    : run_(run),
      number_(number),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      random_(seed) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (epoll_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_fd_, &event) < 0) die("no epoll");
}

Worker::~Worker() {
  ::close(wake_fd_);
  ::close(epoll_);
}

void Worker::add(Connection& connection) {
  to_open_.push_back(&connection);
  if (connection.slow()) slow_.push_back(&connection);
}

void Worker::start() {
  thread_ = std::thread([this] { loop(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::wake() {
  if (wake_pending_.exchange(true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void Worker::on_woken() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t read = ::read(wake_fd_, &count, sizeof count);
  wake_pending_.store(false);
  completed_ = true;
}

void Worker::pin() const {
  if (run_.options.cpu < 0) return;
  const int cpu = run_.options.cpu + number_;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) < 0) die("cannot run on CPU %d", cpu);
}

int Worker::handshakes_max() const {
  return std::max(1, run_.options.connect_window / run_.options.threads);
}

void Worker::open_more() {
  while (handshakes_ < handshakes_max() && opened_ < to_open_.size()) {
    ++handshakes_;
    to_open_[opened_++]->open();
  }
}

// The next message due of the publishers that could send it. The others are woken by what they wait for.
std::int64_t Worker::earliest_due() const {
  std::int64_t due = never_ns;
  for (const Publisher* publisher : publishers_) {
    if (publisher->connections[0]->can_publish()) due = std::min(due, publisher->next_due);
  }
  return due;
}

std::int64_t Worker::wait_ns(Mode mode, std::int64_t due) const {
  if (run_.options.spin || completed_) return 0;
  if (opened_ < to_open_.size() && handshakes_ < handshakes_max()) return 0;
  if (mode == Mode::flood) {
    const bool one_can = std::any_of(publishers_.begin(), publishers_.end(), [](const Publisher* publisher) {
      const Connection& connection = *publisher->connections[0];
      return connection.all_sent() && connection.can_publish();
    });
    if (one_can) return 0;
  }
  return due == never_ns ? wait_max_ns : std::clamp<std::int64_t>(due - now_ns(), 0, wait_max_ns);
}

void Worker::loop() {
  ::prctl(PR_SET_TIMERSLACK, timer_slack_ns);
  pin();
  std::vector<epoll_event> events(events_max);
  std::int64_t next_look_for_stalls = 0;
  bool slow_resumed = false;
  while (!run_.stop.load(std::memory_order_relaxed)) {
    open_more();
    const Mode mode = run_.publishing.load();
    if (const std::int64_t time = now_ns(); time >= next_look_for_stalls) {
      give_up_stalled();
      next_look_for_stalls = time + second_ns / 10;
    }
    std::int64_t due = mode == Mode::open ? earliest_due() : never_ns;
    const std::int64_t wait = wait_ns(mode, due);
    const timespec timeout{wait / second_ns, wait % second_ns};
    const int n = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    now_ = now_ns();
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == nullptr) {
        on_woken();
      } else {
        static_cast<Connection*>(event.data.ptr)->on_event(event.events);
      }
      // Not only after the last event: a publisher must not wait until a thousand subscribers were read.
      if (completed_ || now_ >= due) {
        pump();
        due = never_ns;
      }
    }
    if (completed_ || mode != Mode::quiet) pump();
    if (run_.resume_slow.load(std::memory_order_relaxed) && !slow_resumed) {
      for (Connection* connection : slow_) connection->resume();
      slow_resumed = true;
    }
  }
}

// Publishes one message that was due at `time`, unless the connection for it is busy.
bool Worker::publish(Publisher& publisher, std::int64_t time) {
  const Target& target = run_.target;
  const auto channels = static_cast<std::uint32_t>(run_.plan.channels);
  const std::uint32_t channel = channels > 1 ? publisher.random.below(channels) : 0;
  Connection& connection = *publisher.connections[publisher.connections.size() > 1 ? channel : 0];
  if (!connection.can_publish()) return false;
  if (run_.budget.fetch_sub(1) <= 0) {
    run_.budget.store(0);
    return false;
  }
  const std::uint32_t seq = publisher.next_seq[channel]++;
  const auto receivers = static_cast<std::uint32_t>(run_.listening[channel].load(std::memory_order_relaxed));
  run_.expect_deliveries(publisher, channel, seq, receivers);
  write_marker(publisher.payload.data(), {time, seq, publisher.number, channel});
  const Variables values{run_.channel_names[channel], {}, publisher.payload};
  scratch_.clear();
  if (connection.all_sent()) unflushed_.push_back(&connection);
  if (target.pub_http) {
    target.http_body.render_to(scratch_, values);
    connection.send_publish_request(values, scratch_);
  } else {
    target.publish.render_to(scratch_, values);
    connection.send_frame(target.publish.opcode(), scratch_);
  }
  if (run_.in_window(now_ns())) ++statistics_.published;
  return true;
}

// Lets every publisher of this worker publish what it may now.
void Worker::pump() {
  completed_ = false;
  const Mode mode = run_.publishing.load(std::memory_order_acquire);
  if (mode == Mode::quiet) return;
  for (Publisher* publisher : publishers_) {
    if (mode == Mode::closed) {
      while (publisher->in_flight.load() < run_.plan.window && publish(*publisher, now_ns())) {
      }
    } else if (mode == Mode::open) {
      const auto interval = static_cast<std::int64_t>(1e9 * run_.plan.publishers / run_.plan.rate);
      const std::int64_t time = now_ns();
      while (publisher->next_due <= time && publish(*publisher, publisher->next_due)) publisher->next_due += interval;
    } else if (publisher->connections[0]->all_sent()) {
      for (int i = 0; i < run_.options.batch && publish(*publisher, now_ns()); ++i) {
      }
    }
  }
  for (Connection* connection : unflushed_) {
    if (connection->state() == Connection::State::ready) connection->flush();
  }
  unflushed_.clear();
}

// Gives up messages that nobody completed for too long: a server that loses some shows up with stalls and
// losses, and the run does not hang.
void Worker::give_up_stalled() {
  if (!run_.has_window()) return;
  const std::int64_t time = now_ns();
  const std::int64_t limit = from_seconds(run_.options.stall);
  for (Publisher* publisher : publishers_) {
    if (publisher->in_flight.load() < run_.plan.window || time - publisher->last_progress.load() < limit) continue;
    run_.give_up(*publisher);
    publisher->last_progress.store(time);
    ++statistics_.stalls;
    completed_ = true;
  }
}

}  // namespace crier::bench
