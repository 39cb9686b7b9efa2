// What `crier bench` is asked to do.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "broker/tools/tools.hpp"
#include "clients/cli/link.hpp"
#include "protocol/base/result.hpp"

namespace crier::cli::benchmark {

struct Options {
  Link link;

  std::uint32_t subscribers = 100;  // in all, spread over the channels
  std::uint32_t publishers = 1;
  std::uint32_t channels = 1;
  std::string channel = "bench";  // what the channels' names begin with
  std::vector<std::size_t> sizes{128};

  double rate = 0;              // messages a second in all; 0: as fast as they arrive
  std::uint32_t in_flight = 8;  // of each publisher, where there is no rate
  bool acks = false;

  std::chrono::milliseconds duration{5'000};
  std::chrono::milliseconds warm_up{1'000};
  std::chrono::milliseconds drain{10'000};
  std::chrono::milliseconds connect_timeout{10'000};
  double connect_rate = 0;  // connections a second; 0: as fast as they come about
  std::uint32_t threads = 1;

  bool json = false;

  [[nodiscard]] bool closed_loop() const { return rate <= 0; }
  [[nodiscard]] std::uint32_t connections() const { return subscribers + publishers; }
};

[[nodiscard]] const config::Usage& options_usage();

// The words behind `crier bench`, CRIER_URL and CRIER_TOKEN. The error is what to end with: --help, or wrong options.
[[nodiscard]] Result<Options, tools::Outcome> parse_options(std::span<const std::string> arguments);

}  // namespace crier::cli::benchmark
