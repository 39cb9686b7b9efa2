// Runs worlds until enough has been seen, or a promise was broken: then it says which, and how to see it again.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "tests/simulation/options.hpp"
#include "tests/simulation/world.hpp"

namespace {

using crier::simulation::Options;
using crier::simulation::Outcome;
using crier::simulation::World;

std::uint64_t seed_in_hand = 0;

// An assertion of the broker ends the process: what is left to say is how to get there again.
void on_abort(int /*signal*/) {
  std::fflush(stdout);
  std::fprintf(stderr, "\nthe run aborted; see it again with: crier_simulation --seed %llu --verbose\n",
               static_cast<unsigned long long>(seed_in_hand));
}

// Neighbouring numbers give seeds that have nothing in common.
std::uint64_t seed_of_run(std::uint64_t base, std::uint64_t run) {
  std::uint64_t z = base + (run + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EB;
  return z ^ (z >> 31U);
}

// The lengths of the usual runs are for an optimised build: CRIER_TEST_SCALE, in percent, fits them to others.
std::uint64_t scaled(std::uint64_t amount) {
  const char* const scale = std::getenv("CRIER_TEST_SCALE");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::uint64_t percent = scale != nullptr ? std::strtoull(scale, nullptr, 10) : 100;
  return amount == 0 ? 0 : std::max<std::uint64_t>(1, amount * percent / 100);
}

Outcome run_world(std::uint64_t seed, bool told, bool aloud) {
  seed_in_hand = seed;
  World world(seed, told, aloud);
  return world.run();
}

void report(std::uint64_t seed, const Outcome& outcome) {
  std::printf("\nFAILED: %s\n\nthe world of seed %llu: %s\n\n", outcome.violation->what.c_str(),
              static_cast<unsigned long long>(seed), outcome.plan.c_str());
  std::printf("what led to it (step, event):\n");
  for (const std::string& line : outcome.story) std::printf("%s\n", line.c_str());
  std::printf("\nsee it again with: crier_simulation --seed %llu\n", static_cast<unsigned long long>(seed));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (const std::string fault = crier::simulation::parse_options(argc, argv, options); !fault.empty() || options.help) {
    std::fprintf(stderr, "%s\n%s", fault.c_str(), crier::simulation::usage);
    return options.help ? 0 : 2;
  }
  std::signal(SIGABRT, on_abort);
  std::random_device entropy;
  const std::uint64_t base = options.base ? *options.base : std::uint64_t{entropy()} << 32U | entropy();
  if (!options.seed) std::printf("base seed %llu\n", static_cast<unsigned long long>(base));
  std::fflush(stdout);
  const auto started = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  };
  const std::uint64_t messages_wanted = scaled(options.messages);
  const std::uint64_t runs_wanted = options.seed ? 1 : scaled(options.runs);
  crier::simulation::Seen seen;
  const auto delivered = [&] {
    using crier::simulation::Sight;
    return seen.count(Sight::message) + seen.count(Sight::pattern_message);
  };
  std::uint64_t accepted = 0;
  std::uint64_t runs = 0;
  const auto enough = [&] {
    return (runs_wanted != 0 && runs >= runs_wanted) || (messages_wanted != 0 && delivered() >= messages_wanted) ||
           (options.seconds != 0 && seconds() >= static_cast<double>(options.seconds));
  };
  for (; !enough(); ++runs) {
    const std::uint64_t seed = options.seed ? *options.seed : seed_of_run(base, runs);
    Outcome outcome = run_world(seed, /*told=*/false, options.verbose);
    seen.add(outcome.seen);
    accepted += outcome.accepted;
    if (outcome.violation) {
      // The same once more, with its story.
      if (!options.verbose) outcome = run_world(seed, /*told=*/true, /*aloud=*/false);
      report(seed, outcome);
      return 1;
    }
    if (options.twice && run_world(seed, /*told=*/true, /*aloud=*/false).digest != outcome.digest) {
      std::printf("\nFAILED: two runs of seed %llu differ\n", static_cast<unsigned long long>(seed));
      return 1;
    }
  }
  std::printf("%llu worlds, %llu messages accepted, %llu delivered, in %.1f s: every promise was kept\n  %s\n",
              static_cast<unsigned long long>(runs), static_cast<unsigned long long>(accepted),
              static_cast<unsigned long long>(delivered()), seconds(), seen.text().c_str());
  return 0;
}
