#include "tests/bench/storm/options.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/bench/load/option_fields.hpp"
#include "tests/bench/load/text.hpp"

namespace crier::storm {

namespace {

constexpr const char* help = R"(usage: crier_bench_storm storm|restart --port N [options]

modes
  storm      all but those that stay lose their connections at once, and come back over a window of time
  restart    somebody restarts the broker meanwhile; ends after --duration, or on SIGTERM

options (default)
  --host A, --port N    the broker, an IPv4 address (127.0.0.1)
  --tls                 connect by TLS; certificates are not checked
  --tls-resume          and resume the session when coming back
  --connections N       subscribers that go and come back (8000; restart: 5000)
  --stayers N           subscribers that stay (200; restart: 0)
  --channels C          each subscriber has one of them (1000)
  --publishers P        each has channels of its own (4)
  --rate R              messages a second, all publishers together (1000)
  --size B              bytes of a message's data, at least 64 (128)
  --warmup S            publishing before anything is measured (1)
  --before S, --after S measured before the storm (3), and after it (3)
  --window S            time over which they come back, full jitter (5)
  --duration S          of a restart run (20)
  --settle S            longest wait for what is outstanding at the end (30)
  --connect-window N    at most so many connect at a time at the start (128)
  --connect-timeout S   (60)
  --server-pid P[,P]    account CPU and memory of these processes and their descendants
  --seed N

Publishers wait for acknowledgements and repeat, with an idempotency key, what was not accepted. Subscribers come
back with `since`. Prints "running" on standard error when publishing begins, and one JSON object on one line at
the end. Exit status: 0; 1 usage; 2 not connected, or not settled; 3 lost, twice, out of order or not recovered.
)";

const bench::OptionFields<Options>& fields() {
  static const bench::OptionFields<Options> table{
      {"--host", &Options::host},
      {"--port", &Options::port},
      {"--tls", &Options::tls},
      {"--tls-resume", &Options::tls_resume},
      {"--connections", &Options::connections},
      {"--stayers", &Options::stayers},
      {"--channels", &Options::channels},
      {"--publishers", &Options::publishers},
      {"--rate", &Options::rate},
      {"--size", &Options::size},
      {"--warmup", &Options::warmup},
      {"--before", &Options::before},
      {"--window", &Options::window},
      {"--after", &Options::after},
      {"--duration", &Options::duration},
      {"--settle", &Options::settle},
      {"--connect-window", &Options::connect_window},
      {"--connect-timeout", &Options::connect_timeout},
      {"--seed", &Options::seed},
      {"--server-pid", &Options::server_pids},
  };
  return table;
}

Mode mode_of(std::string_view name) {
  if (name == "storm") return Mode::storm;
  if (name == "restart") return Mode::restart;
  std::fputs(help, name == "--help" || name == "-h" ? stdout : stderr);
  std::exit(name == "--help" || name == "-h" ? 0 : 1);
}

void check(const Options& options) {
  constexpr int size_min = 64;
  if (options.port < 1 || options.port > 65535) bench::die("--port: wants 1 to 65535, found %d", options.port);
  if (options.connections < 1 || options.channels < 1 || options.publishers < 1 || options.connect_window < 1) {
    bench::die("--connections, --channels, --publishers and --connect-window: want at least 1");
  }
  if (options.publishers > options.channels) bench::die("--publishers: each needs a channel of its own");
  if (options.rate <= 0) bench::die("--rate: wants more than 0");
  if (options.size < size_min) bench::die("--size: wants at least %d, found %d", size_min, options.size);
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  options.mode = mode_of(argc > 1 ? argv[1] : "");
  if (options.mode == Mode::restart) options.connections = 5000;
  for (int i = 2; i < argc; ++i) {
    if (!bench::take_option(fields(), options, argc, argv, i)) bench::die("unknown option %s (see --help)", argv[i]);
  }
  if (options.stayers < 0) options.stayers = options.mode == Mode::storm ? 200 : 0;
  options.tls = options.tls || options.tls_resume;
  check(options);
  return options;
}

}  // namespace crier::storm
