// crier: arguments, then the server.
#include <cstdio>
#include <utility>

#include "broker/config/config_loader.hpp"
#include "broker/runtime/log.hpp"
#include "broker/server.hpp"

namespace {

constexpr int exit_cannot_start = 1;
constexpr int exit_usage = 2;

crier::runtime::LogLevel log_level(crier::config::LogLevel level) {
  switch (level) {
    case crier::config::LogLevel::debug: return crier::runtime::LogLevel::debug;
    case crier::config::LogLevel::info: return crier::runtime::LogLevel::info;
    case crier::config::LogLevel::warn: return crier::runtime::LogLevel::warn;
    case crier::config::LogLevel::error: return crier::runtime::LogLevel::error;
  }
  __builtin_unreachable();
}

int serve(crier::config::Config config) {
  crier::runtime::start_log(log_level(config.log.level), config.log.format == crier::config::LogFormat::json);
  crier::Server server(std::move(config));
  if (const auto opened = server.open(); !opened) {
    std::fprintf(stderr, "crier: %s\n", opened.error().c_str());
    return exit_cannot_start;
  }
  return server.run();
}

}  // namespace

int main(int argc, char** argv) {
  using Action = crier::config::CommandLine::Action;
  crier::config::CommandLine line = crier::config::parse_command_line(argc, argv);
  switch (line.action) {
    case Action::serve: return serve(std::move(line.config));
    case Action::check:
    case Action::finished: break;
    case Action::tool: std::fprintf(stderr, "crier %s: not part of this build\n", line.tool.c_str()); return exit_usage;
  }
  std::fputs(line.output.c_str(), line.exit_code == 0 ? stdout : stderr);
  return line.exit_code;
}
