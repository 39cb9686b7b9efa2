#include "tests/bench/load/options.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/bench/load/option_fields.hpp"
#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

constexpr const char* help = R"(usage: crier_bench_load SCENARIO --target FILE [options]

scenarios
  fanout     one channel, S subscribers, closed loop of W messages in flight
  rate       one channel, S subscribers, fixed publish rate; latency from the time a message was due
  channels   C channels with K subscribers each, P publishers, random channels, closed loop
  idle       N connections, each subscribed to its own channel; connect rate, memory each
  ingest     P publishers flat out, one subscriber
  slow       like rate, but some subscribers stop reading

options (default)
  --target FILE         target description
  --host H, --port N    instead of those in the target file
  --server-pid P[,P]    account CPU and memory of these processes and their descendants
  --subs S              subscribers (fanout, rate: 1000; slow: 100)
  --window W            messages in flight per publisher (8)
  --size B              payload bytes, at least 40 (128; slow: 16384)
  --rate R              messages per second in all (rate: 50; slow: 200)
  --channels C          (1000)       --per-channel K   (5)
  --publishers P        (1; channels and ingest: 4)
  --conns N             idle connections (10000)
  --slow-pct X          subscribers that stop reading, in percent (10)
  --duration S          measured seconds (5; idle: 2, slow: 10)   --warmup S  (1)
  --drain S             longest wait for outstanding deliveries at the end (10)
  --stall S             give up messages that nobody completes for so long (2)
  --threads T           client threads (1)
  --cpu N               pin client thread i to CPU N + i
  --connect-window N    handshakes under way at a time (64)
  --connect-timeout S   (60)
  --batch N             frames per send in ingest (16)
  --deflate             offer permessage-deflate
  --spin                busy-wait instead of sleeping in epoll
  --seed N, --verbose

Prints one JSON object on one line. Exit status: 0; 1 usage; 2 could not connect; 3 lost, duplicate,
misordered, misrouted or corrupt deliveries.
)";

const OptionFields<Options>& fields() {
  static const OptionFields<Options> table{
      {"--target", &Options::target},
      {"--scenario", &Options::scenario},
      {"--host", &Options::host},
      {"--port", &Options::port},
      {"--server-pid", &Options::server_pids},
      {"--subs", &Options::subs},
      {"--window", &Options::window},
      {"--size", &Options::size},
      {"--rate", &Options::rate},
      {"--channels", &Options::channels},
      {"--per-channel", &Options::per_channel},
      {"--publishers", &Options::publishers},
      {"--conns", &Options::conns},
      {"--slow-pct", &Options::slow_pct},
      {"--duration", &Options::duration},
      {"--warmup", &Options::warmup},
      {"--drain", &Options::drain},
      {"--stall", &Options::stall},
      {"--threads", &Options::threads},
      {"--cpu", &Options::cpu},
      {"--connect-window", &Options::connect_window},
      {"--connect-timeout", &Options::connect_timeout},
      {"--batch", &Options::batch},
      {"--deflate", &Options::deflate},
      {"--spin", &Options::spin},
      {"--seed", &Options::seed},
      {"--verbose", &Options::verbose},
  };
  return table;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help" || name == "-h") {
      std::fputs(help, stdout);
      std::exit(0);
    }
    if (take_option(fields(), options, argc, argv, i)) continue;
    if (name.starts_with('-') || !options.scenario.empty()) die("unknown option %s (see --help)", argv[i]);
    options.scenario = name;
  }
  if (options.target.empty() || options.scenario.empty()) {
    std::fputs(help, stderr);
    std::exit(1);
  }
  options.threads = std::clamp(options.threads, 1, 64);
  return options;
}

}  // namespace crier::bench
