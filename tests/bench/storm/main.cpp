// crier_bench_storm: thousands of subscribers that lose their connections at once and come back, or that live through
// restarts of the broker. Every message has a number in its channel, and every subscriber is checked to get each
// exactly once and in order, across its connections.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

#include "tests/bench/load/text.hpp"
#include "tests/bench/storm/options.hpp"
#include "tests/bench/storm/phases.hpp"
#include "tests/bench/storm/report.hpp"
#include "tests/bench/storm/run.hpp"

namespace crier::storm {

namespace {

constexpr int exit_not_settled = 2;
constexpr int exit_bad_deliveries = 3;

// As many descriptors as the hard limit allows must do.
void require_descriptors(const Options& options) {
  constexpr int others = 32;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const auto wanted = static_cast<rlim_t>(options.connections) + static_cast<rlim_t>(options.stayers) +
                      static_cast<rlim_t>(options.publishers) + others;
  if (wanted > limit.rlim_cur) {
    bench::die("so many connections need %llu file descriptors, the limit is %llu (ulimit -n)",
               static_cast<unsigned long long>(wanted), static_cast<unsigned long long>(limit.rlim_cur));
  }
}

int carry_out(const Options& options) {
  Run run(options);
  Measured measured;
  if (!connect_all(run, measured)) return exit_not_settled;
  if (options.mode == Mode::storm) {
    storm(run, measured);
  } else {
    restart(run, measured);
  }
  std::puts(report(run, measured).c_str());
  if (!measured.settled) return exit_not_settled;
  return is_bad(run) ? exit_bad_deliveries : 0;
}

}  // namespace

}  // namespace crier::storm

int main(int argc, char** argv) {
  using namespace crier::storm;
  catch_signals();
  const Options options = parse_options(argc, argv);
  require_descriptors(options);
  return carry_out(options);
}
