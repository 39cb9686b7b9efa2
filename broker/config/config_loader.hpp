// TOML file + command line -> Config, or all its problems at once.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/config.hpp"
#include "protocol/base/result.hpp"

namespace crier::config {

// One fault: where, what was found, what was expected, and the consequence or the mend.
struct Problem {
  std::string place;    // "crier.toml:12:3", or "--threads" for a flag
  std::string message;  // "limits.outbox_bytes_max: found 65536, expected at least …"
  [[nodiscard]] std::string text() const { return place + ": " + message; }
};
using Problems = std::vector<Problem>;

// Reads a file's text on top of the defaults; its name is for the messages. Every fault is told at once, in
// the order of the lines; text that is not TOML at all is one problem.
[[nodiscard]] Result<Config, Problems> parse_toml(std::string_view text, const std::string& file_name);

// What the command line asked for.
struct CommandLine {
  enum class Action : std::uint8_t {
    serve,
    check,    // the configuration is sound; `output` says so, and what it allows
    tool,     // a subcommand with a command line of its own
    finished  // --help, --version, `config`, or a fault: print `output` and exit with exit_code
  };
  Action action = Action::serve;
  int exit_code = 0;
  std::string output;                  // for stdout when exit_code is 0, else for stderr
  Config config;                       // serve and check: the file's values, the environment's and the flags on top
  std::string file;                    // that was read; "": none
  bool take_over = false;              // serve: from a broker that runs
  std::string tool;                    // its name
  std::vector<std::string> arguments;  // behind it
};
// `crier serve [--config FILE] [--listen ADDRESS]… [--admin HOST:PORT] [--threads N] [--state-dir DIR] [--echo]
// [--log-level L] [--log-format text|json]`, `crier config` with the same options, `crier check FILE`, and the tools.
// Reads the file. Bad options and a bad configuration end with exit_code 2 and every problem in `output`, a line each.
// May be called again while the broker runs, to read everything anew.
[[nodiscard]] CommandLine parse_command_line(int argc, const char* const* argv);
// The same with another environment than the process's, "NAME=value" each.
[[nodiscard]] CommandLine parse_command_line(int argc, const char* const* argv,
                                             std::span<const std::string> environment);

// Faults between several settings (and protected mode's rule: loopback only). Empty: none.
[[nodiscard]] Problems check(const Config& config);

// Every key a file may hold, as "server.listen"; those of a namespace as "namespace.*.subscribe".
[[nodiscard]] std::vector<std::string> supported_keys();

}  // namespace crier::config
