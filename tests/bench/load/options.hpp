// The command line of the load generator.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace crier::bench {

// Negative: not given, the scenario's own default holds (plan.hpp).
struct Options {
  std::string target;
  std::string scenario;
  std::string host;  // host and port instead of the target file's, when given
  int port = 0;
  int subs = -1;
  int window = 8;
  int size = -1;
  int channels = 1000;
  int per_channel = 5;
  int publishers = -1;
  int conns = 10000;
  double rate = -1;
  double duration = -1;
  double warmup = 1;
  double slow_pct = 10;
  int threads = 1;
  int cpu = -1;
  int connect_window = 64;
  int batch = 16;
  double connect_timeout = 60;
  double drain = 10;
  double stall = 2;
  bool deflate = false;
  bool spin = false;
  bool verbose = false;
  std::uint64_t seed = 1;
  std::vector<int> server_pids;
};

// Ends the process on a bad command line (status 1) and on --help (status 0).
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace crier::bench
