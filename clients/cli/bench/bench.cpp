// `crier bench`: how much does a broker deliver, and how fast?
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

#include "clients/cli/bench/measurement.hpp"
#include "clients/cli/bench/options.hpp"
#include "clients/cli/bench/report.hpp"
#include "clients/cli/commands.hpp"
#include "clients/cli/exit_code.hpp"

namespace crier::cli {

namespace {

// Beside those of the connections.
constexpr rlim_t descriptors_beside = 64;

// "": there are enough, or now there are.
std::string want_descriptors(const benchmark::Options& options) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = options.connections() + descriptors_beside + 2 * rlim_t{options.threads};
  if (limit.rlim_cur >= wanted) return "";
  limit.rlim_cur = std::min(limit.rlim_max, wanted);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= wanted) return "";
  return std::to_string(options.connections()) + " connections need " + std::to_string(wanted) +
         " file descriptors, and this process may have " + std::to_string(limit.rlim_max) +
         ": raise its limit (ulimit -n, LimitNOFILE=), or connect fewer";
}

int measure_and_tell(const benchmark::Options& options, const benchmark::Target& target) {
  benchmark::Run run(options, target);
  const benchmark::Measurement measured = benchmark::measure(run);
  const int exit_code = measured.exit_code(run.failures);
  for (const std::string& text : run.failures.texts()) tell(bench_usage(), text);
  if (!measured.connected) {
    tell(bench_usage(), "connected " + std::to_string(measured.ready) + " of " + std::to_string(options.connections()) +
                            ", and measured nothing");
    if (!options.json) return exit_code;
  }
  const std::string report = options.json ? json_of(run, measured) : table_of(run, measured);
  std::fputs(report.c_str(), stdout);
  return printed(bench_usage(), exit_code);
}

}  // namespace

const config::Usage& bench_usage() {
  return benchmark::options_usage();
}

int bench(std::span<const std::string> arguments) {
  const auto options = benchmark::parse_options(arguments);
  if (!options) return finish(options.error());
  if (const std::string fault = want_descriptors(*options); !fault.empty()) {
    return fail(bench_usage(), exit_failed, fault);
  }
  const auto target = benchmark::find_target(*options);
  if (!target) return fail(bench_usage(), target.error().exit_code, target.error().text);
  if (target->url.tls && options->link.insecure) {
    tell(bench_usage(), "--insecure: whoever is in between can read along, and answer in the broker's place");
  }
  return measure_and_tell(*options, *target);
}

}  // namespace crier::cli
