#include "tests/bench/load/plan.hpp"

#include <algorithm>

#include "tests/bench/load/marker.hpp"
#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

template <class T>
T or_else(T given, T otherwise) {
  return given < 0 ? otherwise : given;
}

void fanout(Plan& plan, const Options& options) {
  plan.mode = Mode::closed;
  plan.per_channel = or_else(options.subs, 1000);
}

void rate(Plan& plan, const Options& options) {
  plan.mode = Mode::open;
  plan.per_channel = or_else(options.subs, 1000);
  plan.rate = or_else(options.rate, 50.0);
}

void channels(Plan& plan, const Options& options) {
  plan.mode = Mode::closed;
  plan.channels = options.channels;
  plan.per_channel = options.per_channel;
  plan.publishers = or_else(options.publishers, 4);
}

void idle(Plan& plan, const Options& options) {
  plan.channels = options.conns;
  plan.duration = or_else(options.duration, 2.0);
}

void ingest(Plan& plan, const Options& options) {
  plan.mode = Mode::flood;
  plan.publishers = or_else(options.publishers, 4);
}

void slow(Plan& plan, const Options& options) {
  plan.mode = Mode::open;
  plan.per_channel = or_else(options.subs, 100);
  plan.size = or_else(options.size, 16384);
  plan.duration = or_else(options.duration, 10.0);
  plan.rate = or_else(options.rate, 200.0);
  plan.slow_pct = options.slow_pct;
}

struct Scenario {
  std::string_view name;
  void (*fill)(Plan&, const Options&);
};

constexpr Scenario scenarios[] = {
    {"fanout", fanout}, {"rate", rate}, {"channels", channels}, {"idle", idle}, {"ingest", ingest}, {"slow", slow},
};

}  // namespace

Plan make_plan(const Options& options) {
  const auto* scenario = std::find_if(std::begin(scenarios), std::end(scenarios),
                                      [&](const Scenario& one) { return one.name == options.scenario; });
  if (scenario == std::end(scenarios)) die("unknown scenario '%s'", options.scenario.c_str());
  Plan plan;
  plan.window = options.window;
  plan.publishers = or_else(options.publishers, 1);
  plan.size = or_else(options.size, 128);
  plan.duration = or_else(options.duration, 5.0);
  scenario->fill(plan, options);
  plan.size = std::max(plan.size, static_cast<int>(marker_size));
  if (plan.publishers < 1 || plan.publishers > publishers_max) die("publishers must be 1 to %d", publishers_max);
  if (plan.channels < 1 || plan.channels > channels_max || plan.per_channel < 1 || plan.window < 1) {
    die("bad sizes");
  }
  return plan;
}

}  // namespace crier::bench
