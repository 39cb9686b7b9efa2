// What all threads of a run share: what is to be done, the switches, and who listens to what.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/cli/bench/clock.hpp"
#include "clients/cli/bench/failure.hpp"
#include "clients/cli/bench/options.hpp"
#include "clients/cli/bench/payload.hpp"
#include "clients/cli/bench/target.hpp"

namespace crier::cli::benchmark {

class Publisher;
class Worker;

class Run {
 public:
  // Makes everything, and connects nothing.
  Run(const Options& given_options, const Target& given_target);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void start_workers();
  void wake_workers();
  // Says goodbye on every connection; no thread of it runs behind this.
  void stop_workers();

  [[nodiscard]] bool in_window(std::int64_t time) const {
    return time >= window_start.load(std::memory_order_relaxed) && time < window_end.load(std::memory_order_relaxed);
  }
  // Markers hold times since the beginning, which take fewer digits.
  [[nodiscard]] std::int64_t marker_time(std::int64_t time) const { return time - began_ns; }
  [[nodiscard]] std::int64_t time_of(const Marker& marker) const { return marker.time_ns + began_ns; }
  [[nodiscard]] const std::string& subscribe_command(std::uint32_t channel) const { return subscribes_[channel]; }

  // Which of the run's channels has that name?
  [[nodiscard]] std::optional<std::uint32_t> channel_named(std::string_view name) const;

  const Options& options;
  const Target& target;
  const std::int64_t began_ns = now_ns();
  std::vector<std::string> channel_names;

  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::unique_ptr<Publisher>> publishers;

  std::atomic<bool> stop{false};
  std::atomic<bool> publishing{false};
  std::atomic<std::int64_t> window_start{never_ns};
  std::atomic<std::int64_t> window_end{never_ns};
  std::atomic<std::uint32_t> ready{0};             // connections that came about
  std::atomic<std::uint32_t> failed{0};            // and that did not
  std::atomic<std::uint32_t> subscribers_gone{0};  // that were ready once
  std::atomic<std::uint32_t> publishers_gone{0};
  std::atomic<std::uint64_t> expected{0};  // deliveries due so far
  std::atomic<bool> over{false};           // going on makes no sense; failures say why
  Failures failures;

  std::unique_ptr<std::atomic<std::uint32_t>[]> listening;          // subscribers of each channel
  std::unique_ptr<std::atomic<std::uint32_t>[]> threads_listening;  // and how many threads have any

 private:
  void make_connections();

  std::vector<std::string> subscribes_;
};

}  // namespace crier::cli::benchmark
