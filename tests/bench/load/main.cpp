// crier_bench_load: a WebSocket publish/subscribe load generator that knows no server in particular. A target
// file says how to talk to one; each delivery is recognised by a marker in its payload, and each subscriber is
// checked to receive every message exactly once and in order.
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

#include "tests/bench/load/measurement.hpp"
#include "tests/bench/load/report.hpp"
#include "tests/bench/load/run.hpp"
#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

constexpr int exit_not_connected = 2;
constexpr int exit_bad_deliveries = 3;

// As many descriptors as this process may have; root may have more than its hard limit.
void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t most = std::max<rlim_t>(limit.rlim_max, 1 << 20);
  const rlimit wanted{most, most};
  if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void require_descriptors(std::size_t connections) {
  constexpr std::size_t others = 64;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (connections + others <= limit.rlim_cur) return;
  die("%zu connections need more file descriptors than the limit of %llu", connections,
      static_cast<unsigned long long>(limit.rlim_cur));
}

int carry_out(Run& run) {
  Measurement measured;
  if (!connect_all(run, measured)) {
    std::puts(report_error(run, measured, "not all connections were made").c_str());
    return exit_not_connected;
  }
  measure(run, measured);
  const Totals totals = totals_of(run);
  std::puts(report(run, measured, totals).c_str());
  return totals.bad() ? exit_bad_deliveries : 0;
}

}  // namespace

}  // namespace crier::bench

int main(int argc, char** argv) {
  using namespace crier::bench;
  ::signal(SIGPIPE, SIG_IGN);
  const Options options = parse_options(argc, argv);
  Target target = Target::load(options.target);
  if (!options.host.empty()) target.host = options.host;
  if (options.port != 0) target.port = options.port;
  raise_descriptor_limit();
  Run run(options, target);
  require_descriptors(run.connections.size());
  return carry_out(run);
}
