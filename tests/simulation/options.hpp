// The command line of the simulation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace crier::simulation {

struct Options {
  std::optional<std::uint64_t> seed;  // of one run, which is then the only one
  std::optional<std::uint64_t> base;  // of all runs' seeds
  std::uint64_t runs = 0;             // 0: whatever the other limits allow
  std::uint64_t seconds = 0;
  std::uint64_t messages = 0;
  bool verbose = false;  // the whole story
  bool twice = false;    // each run a second time, with the same digest
  bool help = false;
};

// Why not, otherwise.
[[nodiscard]] std::string parse_options(int argc, char** argv, Options& options);
extern const char* const usage;

}  // namespace crier::simulation
