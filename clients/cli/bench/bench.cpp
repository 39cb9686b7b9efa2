// `crier bench`: how much does a broker deliver, and how fast?
#include <cstdio>

#include "clients/cli/commands.hpp"
#include "clients/cli/exit_code.hpp"

namespace crier::cli {

namespace {

constexpr config::Usage usage{"crier bench", "[OPTIONS]", "Measure what a broker delivers, and how fast", {}, "", 0, 0,
                              exit_codes};

}  // namespace

const config::Usage& bench_usage() {
  return usage;
}

int bench(std::span<const std::string> /*arguments*/) {
  std::fputs("crier bench: this build has none.\n", stderr);
  return exit_failed;
}

}  // namespace crier::cli
