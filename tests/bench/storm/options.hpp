// The command line of the storm client.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace crier::storm {

enum class Mode : std::uint8_t { storm, restart };

struct Options {
  Mode mode = Mode::storm;
  std::string host = "127.0.0.1";
  int port = 0;
  bool tls = false;
  bool tls_resume = false;
  int connections = 8000;
  int stayers = -1;  // negative: the mode's own default
  int channels = 1000;
  int publishers = 4;
  double rate = 1000;
  int size = 128;
  double warmup = 1;
  double before = 3;
  double window = 5;
  double after = 3;
  double duration = 20;
  double settle = 30;
  int connect_window = 128;
  double connect_timeout = 60;
  std::uint64_t seed = 1;
  std::vector<int> server_pids;
};

// Ends the process on a bad command line (status 1) and on --help (status 0).
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace crier::storm
