// Log lines on their way out: a bounded queue, and a thread of its own that writes them.
//
// Whoever reads the log may stall, or be gone; a disk may be full. None of it may stop a loop: a line that finds the
// queue full is discarded and counted, and as soon as lines flow again one of them tells how many are missing there.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace crier::runtime {

class LogWriter {
 public:
  struct Hooks {
    // The line that tells of so many missing ones, with its end.
    std::function<std::string(std::uint64_t)> notice;
    // About once a second, where it may push lines; never while the descriptor blocks.
    std::function<void()> upkeep = [] {};
  };
  // Does not own `descriptor`. `bytes_max`: of the lines that wait. Both hooks are called on the writer's thread.
  LogWriter(int descriptor, std::size_t bytes_max, Hooks hooks);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  // Leaves what is queued to the thread, which ends when it has written it, and waits for neither.
  ~LogWriter();

  // Any thread; never waits for the descriptor. `line` has its end. After `finish` it is discarded.
  void push(std::string line);
  // No more lines. True: everything is out, or was found to be impossible to write; false: the time was over.
  bool finish(std::chrono::milliseconds patience);
  // Lines that were not written: the queue was full, or writing failed. Any thread.
  [[nodiscard]] std::uint64_t discarded() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;  // the thread's too, which may be stuck in a write for ever
};

}  // namespace crier::runtime
