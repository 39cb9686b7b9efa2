#include "broker/runtime/log_writer.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace crier::runtime {

namespace {

// What a line takes beside its text.
constexpr std::size_t line_overhead_bytes = sizeof(std::string) + 16;
constexpr std::chrono::seconds upkeep_interval{1};
// Somebody who has the same terminal or pipe may have made it non-blocking.
constexpr std::chrono::milliseconds try_again_after{10};

enum class Wrote : unsigned char { all, nothing, a_part };

Wrote write_whole(int descriptor, std::string_view line) {
  Wrote wrote = Wrote::nothing;
  while (!line.empty()) {
    const ssize_t taken = ::write(descriptor, line.data(), line.size());
    if (taken >= 0) {
      line.remove_prefix(static_cast<std::size_t>(taken));
      if (taken > 0) wrote = Wrote::a_part;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      std::this_thread::sleep_for(try_again_after);
    } else if (errno != EINTR) {
      return wrote;
    }
  }
  return Wrote::all;
}

}  // namespace

struct LogWriter::State {
  State(int to, std::size_t max, Hooks of) : descriptor(to), bytes_max(max), hooks(std::move(of)) {}

  const int descriptor;
  const std::size_t bytes_max;
  const Hooks hooks;
  std::atomic<std::uint64_t> discarded{0};

  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable over;
  std::vector<std::string> lines;
  std::size_t bytes = 0;
  std::uint64_t untold = 0;  // of the discarded ones
  bool finishing = false;
  bool ended = false;

  // The writer's thread alone.
  bool torn = false;  // the last thing written was a part of a line

  void run();
  void write(std::string line);
  void discard(std::uint64_t count);
  void tell_missing(std::uint64_t missing);
};

void LogWriter::State::run() {
  bool more = true;
  while (more) {
    std::vector<std::string> batch;
    std::uint64_t missing = 0;
    bool going_on = false;
    {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, upkeep_interval, [this] { return finishing || !lines.empty(); });
      batch.swap(lines);
      bytes = 0;
      missing = std::exchange(untold, 0);
      going_on = !finishing;
      more = going_on || !batch.empty();
    }
    for (std::string& line : batch) write(std::move(line));
    // They are missing behind these lines and before all later ones.
    if (missing > 0) tell_missing(missing);
    if (going_on) hooks.upkeep();
  }
  const std::lock_guard lock(mutex);
  ended = true;
  over.notify_all();
}

void LogWriter::State::write(std::string line) {
  if (torn) line.insert(line.begin(), '\n');
  const Wrote wrote = write_whole(descriptor, line);
  if (wrote != Wrote::nothing) torn = wrote == Wrote::a_part;
  if (wrote != Wrote::all) discard(1);
}

void LogWriter::State::discard(std::uint64_t count) {
  discarded.fetch_add(count, std::memory_order_relaxed);
  const std::lock_guard lock(mutex);
  untold += count;
}

// A notice that cannot be written is no lost line: what it would have told stays to be told.
void LogWriter::State::tell_missing(std::uint64_t missing) {
  std::string line = hooks.notice(missing);
  if (torn) line.insert(line.begin(), '\n');
  const Wrote wrote = write_whole(descriptor, line);
  if (wrote != Wrote::nothing) torn = wrote == Wrote::a_part;
  if (wrote == Wrote::all) return;
  const std::lock_guard lock(mutex);
  untold += missing;
}

LogWriter::LogWriter(int descriptor, std::size_t bytes_max, Hooks hooks)
    : state_(std::make_shared<State>(descriptor, bytes_max, std::move(hooks))) {
  // Signals are for the other threads, and what a write brings (SIGPIPE, SIGXFSZ) is seen in its error.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([state = state_] { state->run(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogWriter::~LogWriter() {
  static_cast<void>(finish(std::chrono::milliseconds{0}));
}

void LogWriter::push(std::string line) {
  const std::lock_guard lock(state_->mutex);
  const std::size_t bytes = line.size() + line_overhead_bytes;
  if (state_->finishing || state_->bytes + bytes > state_->bytes_max) {
    ++state_->untold;
    state_->discarded.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  state_->bytes += bytes;
  state_->lines.push_back(std::move(line));
  if (state_->lines.size() == 1) state_->wake.notify_one();
}

bool LogWriter::finish(std::chrono::milliseconds patience) {
  std::unique_lock lock(state_->mutex);
  state_->finishing = true;
  state_->wake.notify_one();
  return state_->over.wait_for(lock, patience, [this] { return state_->ended; });
}

std::uint64_t LogWriter::discarded() const noexcept {
  return state_->discarded.load(std::memory_order_relaxed);
}

}  // namespace crier::runtime
