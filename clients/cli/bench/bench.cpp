// `crier bench`: how much does a broker deliver, and how fast?
#include <cstdio>

#include "clients/cli/commands.hpp"
#include "clients/cli/exit_code.hpp"

namespace crier::cli {

int bench(std::span<const std::string> /*arguments*/) {
  std::fputs("crier bench: this build has none.\n", stderr);
  return exit_failed;
}

}  // namespace crier::cli
