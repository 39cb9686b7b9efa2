// crier: arguments, then the server.
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "broker/config/config_loader.hpp"
#include "broker/exposure.hpp"
#include "broker/log_level.hpp"
#include "broker/runtime/log.hpp"
#include "broker/server.hpp"
#include "broker/tools/tools.hpp"
#include "broker/trust.hpp"
#include "clients/cli/cli.hpp"

namespace {

constexpr int exit_cannot_start = 1;
constexpr int exit_cannot_print = 1;
constexpr int exit_usage = 2;

// Where this program lies, which an upgrade may replace while it runs: so it is asked for at the start.
std::string program_path(const char* called) {
  std::error_code fault;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", fault);
  return fault ? called : path.string();
}

int run_server(crier::config::CommandLine line, std::function<crier::config::CommandLine()> load,
               crier::Command command) {
  crier::Server server(std::move(line), std::move(load), std::move(command));
  if (const auto opened = server.open(); !opened) {
    crier::runtime::say("crier: " + opened.error());
    return exit_cannot_start;
  }
  return server.run();
}

int serve(crier::config::CommandLine line, std::function<crier::config::CommandLine()> load, crier::Command command) {
  const crier::config::Log& log = line.config.log;
  crier::runtime::start_log(crier::log_level(log.level), log.format == crier::config::LogFormat::json);
  const int exit_code = run_server(std::move(line), std::move(load), std::move(command));
  crier::runtime::finish_log();
  return exit_code;
}

// Of the files that a configuration names: the configuration itself is sound.
int tell_faults(const std::string& file, const std::vector<std::string>& faults) {
  for (const std::string& fault : faults) std::fprintf(stderr, "%s: %s\n", file.c_str(), fault.c_str());
  return exit_usage;
}

// The exit code of one that has printed something: another one where it could not be written.
int printed(int exit_code) {
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0) return exit_code;
  std::perror("crier: standard output");
  return exit_code == 0 ? exit_cannot_print : exit_code;
}

int run_tool(const crier::config::CommandLine& line) {
  if (crier::cli::knows(line.tool)) return crier::cli::run(line.tool, line.arguments);
  const crier::tools::Outcome outcome = crier::tools::run_tool(line.tool, line.arguments);
  std::fputs(outcome.output.c_str(), stdout);
  std::fputs(outcome.errors.c_str(), stderr);
  return printed(outcome.exit_code);
}

}  // namespace

int main(int argc, char** argv) {
  using Action = crier::config::CommandLine::Action;
  crier::runtime::secure_standard_descriptors();
  crier::config::CommandLine line = crier::config::parse_command_line(argc, argv);
  switch (line.action) {
    case Action::serve:
      return serve(std::move(line), [argc, argv] { return crier::config::parse_command_line(argc, argv); },
                   {program_path(argv[0]), {argv + 1, argv + argc}});
    case Action::check:
      if (const auto trust = crier::Trust::read(line.config); !trust) return tell_faults(line.file, trust.error());
      for (const std::string& exposure : crier::exposures(line.config, line.file)) {
        line.output += "warning: " + exposure + "\n";
      }
      break;
    case Action::finished: break;
    case Action::tool: return run_tool(line);
  }
  std::fputs(line.output.c_str(), line.exit_code == 0 ? stdout : stderr);
  return printed(line.exit_code);
}
