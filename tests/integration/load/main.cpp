// crier_test_load: the integration tests' load client. See scenarios.hpp.
#include <sys/resource.h>

#include <cstdio>
#include <string_view>

#include "tests/integration/load/options.hpp"
#include "tests/integration/load/scenarios.hpp"

int main(int argc, char** argv) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  const crier::load::Options options = crier::load::parse_options(argc, argv);
  const std::string_view scenario = argv[1];
  if (scenario == "order") return crier::load::run_order(options);
  if (scenario == "flood") return crier::load::run_flood(options);
  if (scenario == "connections") return crier::load::run_connections(options);
  std::fprintf(stderr, "crier_test_load: no scenario of that name\n");
  return 2;
}
