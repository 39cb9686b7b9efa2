// How a run goes, on one line of a terminal that is written over and over. Nothing, where standard error is no
// terminal.
#pragma once

#include <cstdint>
#include <string>

#include "clients/cli/bench/histogram.hpp"
#include "clients/cli/bench/run.hpp"

namespace crier::cli::benchmark {

class LiveLine {
 public:
  explicit LiveLine(const Run& run);

  void connecting(std::int64_t since_ns);
  // The measured window.
  void begin(std::int64_t start, std::int64_t end);
  void running();
  void draining();
  // Takes the line away.
  void clear();

 private:
  // Not oftener than people read.
  [[nodiscard]] bool due();
  void show(const std::string& text);

  const Run& run_;
  const bool terminal_;
  bool shown_ = false;
  std::int64_t next_ = 0;
  std::int64_t start_ = 0;
  std::int64_t end_ = 0;
  std::int64_t last_time_ = 0;
  std::uint64_t last_deliveries_ = 0;
  Latencies last_latency_;
};

}  // namespace crier::cli::benchmark
