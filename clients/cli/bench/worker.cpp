#include "clients/cli/bench/worker.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <random>

#include "clients/cli/bench/connection.hpp"
#include "clients/cli/bench/publisher.hpp"
#include "clients/cli/bench/run.hpp"
#include "protocol/base/check.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr std::size_t read_buffer_bytes = 256 * 1024;
constexpr std::size_t events_max = 512;
constexpr std::uint32_t handshakes_in_all_max = 64;
constexpr std::int64_t wait_max_ns = second_ns / 10;
// A message that has reached some of its subscribers reaches the others in a moment. To be woken for each of them would
// be paid by the broker, in its send(): up to a quarter of its time, where this thread is the faster of the two. So it
// does not wait while so many deliveries are still to come, but sleeps for so long and looks again. Larger messages
// cost more than a wake-up, and are better read while they are in the cache.
constexpr std::uint64_t lingers_for_deliveries = 64;
constexpr std::size_t lingers_for_bytes_max = 4096;
constexpr timespec linger_time{0, 10'000};
// The kernel's 50 us would show in the latencies.
constexpr unsigned long timer_slack_ns = 1000;

std::uint64_t seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32U | device();
}

}  // namespace

Worker::Worker(Run& run, std::uint32_t number)
    : run_(run),
      number_(number),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      listening_(run.options.channels, 0),
      countdowns_(run.options.closed_loop() ? std::size_t{run.options.publishers} * run.options.in_flight : 0),
      read_buffer_(read_buffer_bytes),
      payloads_(run.options.sizes),
      random_(seed()),
      lingers_(run.options.closed_loop() && std::ranges::max(run.options.sizes) <= lingers_for_bytes_max),
      statistics_(std::make_unique<Statistics>()) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  CRIER_ASSERT(epoll_ >= 0 && wake_fd_ >= 0 && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_fd_, &event) == 0);
}

Worker::~Worker() {
  ::close(wake_fd_);
  ::close(epoll_);
}

void Worker::start() {
  opening_since_ = now_ns();
  thread_ = std::thread([this] { loop(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::wake() {
  if (woken_.exchange(true)) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void Worker::finished_elsewhere(Publisher& publisher, std::uint32_t slot) {
  {
    const std::lock_guard lock(finished_mutex_);
    finished_.emplace_back(&publisher, slot);
  }
  wake();
}

void Worker::on_woken() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t read = ::read(wake_fd_, &count, sizeof count);
  woken_.store(false);
  std::vector<std::pair<Publisher*, std::uint32_t>> finished;
  {
    const std::lock_guard lock(finished_mutex_);
    finished.swap(finished_);
  }
  for (const auto& [publisher, slot] : finished) publisher->finished(slot);
  look_at_publishers_ = true;
}

// One at a time until the first has come about: what is wrong with it is wrong with all.
std::uint32_t Worker::handshakes_max() const {
  if (run_.ready.load(std::memory_order_relaxed) == 0) return number_ == 0 ? 1 : 0;
  return std::max(1U, handshakes_in_all_max / run_.options.threads);
}

// When the next connection may be opened, for the sake of --connect-rate.
std::int64_t Worker::next_open(std::int64_t time) const {
  if (run_.options.connect_rate <= 0) return time;
  const double a_second = run_.options.connect_rate / run_.options.threads;
  return opening_since_ + static_cast<std::int64_t>(static_cast<double>(opened_) / a_second * 1e9);
}

void Worker::open_more() {
  if (opened_ == connections_.size() || run_.failed.load(std::memory_order_relaxed) > 0) return;
  const std::int64_t time = now_ns();
  while (opened_ < connections_.size() && handshakes_ < handshakes_max() && next_open(time) <= time) {
    Connection& connection = *connections_[opened_++];
    ++handshakes_;
    deadlines_.emplace_back(time + ns_of(run_.options.connect_timeout), &connection);
    connection.open();
  }
}

void Worker::handshake_ended(bool well) {
  --handshakes_;
  (well ? run_.ready : run_.failed).fetch_add(1);
  if (well && run_.ready.load() == 1) run_.wake_workers();
}

void Worker::listens(std::uint32_t channel) {
  if (listening_[channel]++ == 0) run_.threads_listening[channel].fetch_add(1);
  run_.listening[channel].fetch_add(1);
}

void Worker::listens_no_more(std::uint32_t channel) {
  if (--listening_[channel] == 0) run_.threads_listening[channel].fetch_sub(1);
  run_.listening[channel].fetch_sub(1);
}

void Worker::on_read(bool counts) {
  now_ = now_ns();
  if (counts && run_.in_window(now_)) statistics_->reads.add();
}

void Worker::count_down(const Marker& marker) {
  if (marker.slot >= run_.options.in_flight) return;
  Countdown& countdown = countdowns_[std::size_t{marker.publisher} * run_.options.in_flight + marker.slot];
  const MessageTag tag = tag_of(marker.channel, marker.sequence);
  Publisher& publisher = *run_.publishers[marker.publisher];
  if (countdown.tag != tag) {
    if (!publisher.in_flight().is_for(marker.slot, tag)) return;  // it was given up
    deliveries_to_come_ += listening_[marker.channel];
    deliveries_to_come_ -= countdown.left;
    countdown = {tag, listening_[marker.channel]};
  }
  if (countdown.left == 0) return;
  --deliveries_to_come_;
  if (--countdown.left > 0) return;
  if (!publisher.in_flight().arrived(marker.slot, tag)) return;
  if (&publisher.worker() != this) return publisher.worker().finished_elsewhere(publisher, marker.slot);
  publisher.finished(marker.slot);
  look_at_publishers_ = true;
}

void Worker::send_later(Connection& connection, std::string_view command) {
  if (connection.unsent_bytes() == 0) unflushed_.push_back(&connection);
  connection.queue(websocket::Opcode::text, command);
}

void Worker::pump() {
  look_at_publishers_ = false;
  if (!run_.publishing.load(std::memory_order_acquire)) return;
  for (Publisher* publisher : publishers_) publisher->pump();
  for (Connection* connection : unflushed_) {
    if (connection->ready()) connection->flush();
  }
  unflushed_.clear();
}

std::int64_t Worker::next_due() const {
  std::int64_t due = never_ns;
  if (!run_.publishing.load(std::memory_order_acquire)) return due;
  for (const Publisher* publisher : publishers_) due = std::min(due, publisher->next_due());
  return due;
}

timespec Worker::wait_until(std::int64_t time) const {
  if (look_at_publishers_ || !to_read_again_.empty()) return {};
  const std::int64_t now = now_ns();
  if (opened_ < connections_.size() && handshakes_ < handshakes_max() && run_.failed.load() == 0)
    time = std::min(time, next_open(now));
  const std::int64_t wait = time == never_ns ? wait_max_ns : std::clamp<std::int64_t>(time - now, 0, wait_max_ns);
  return {wait / second_ns, wait % second_ns};
}

// From time to time.
void Worker::look_around(std::int64_t time) {
  while (!deadlines_.empty() && (deadlines_.front().first <= time || deadlines_.front().second->ready())) {
    deadlines_.front().second->give_up("the broker did not answer in time (--connect-timeout)");
    deadlines_.pop_front();
  }
  if (!run_.publishing.load()) return;
  for (Publisher* publisher : publishers_) publisher->give_up_stalled(time);
  look_at_publishers_ = true;
}

void Worker::take_events(std::span<epoll_event> events, std::int64_t due) {
  for (const epoll_event& event : events) {
    if (event.data.ptr == nullptr) {
      on_woken();
    } else {
      static_cast<Connection*>(event.data.ptr)->on_event(event.events);
    }
    // Not only after the last event: a publisher must not wait until a thousand subscribers were read.
    if (!look_at_publishers_ && now_ < due) continue;
    pump();
    due = next_due();
  }
}

void Worker::loop() {
  ::prctl(PR_SET_TIMERSLACK, timer_slack_ns);
  std::array<epoll_event, events_max> events{};
  std::int64_t next_look_around = 0;
  while (!run_.stop.load(std::memory_order_relaxed)) {
    open_more();
    const std::int64_t due = next_due();
    const timespec wait = wait_until(due);
    if (lingers_ && deliveries_to_come_ >= lingers_for_deliveries &&
        (wait.tv_sec > 0 || wait.tv_nsec > linger_time.tv_nsec)) {
      ::nanosleep(&linger_time, nullptr);
    }
    const int count = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &wait, nullptr);
    now_ = now_ns();
    if (count > 0) take_events(std::span(events).first(static_cast<std::size_t>(count)), due);
    for (Connection* connection : std::exchange(to_read_again_, {})) {
      if (!connection->closed()) connection->read_on();
    }
    if (look_at_publishers_ || now_ >= due) pump();
    if (now_ < next_look_around) continue;
    look_around(now_);
    next_look_around = now_ + wait_max_ns;
  }
  for (const auto& connection : connections_) connection->close();
}

}  // namespace crier::cli::benchmark
