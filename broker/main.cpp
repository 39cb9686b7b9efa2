// crier: arguments, then the server.
#include <cstdio>
#include <utility>

#include "broker/config/config_loader.hpp"
#include "broker/runtime/log.hpp"
#include "broker/server.hpp"

namespace {

constexpr int exit_cannot_start = 1;

crier::runtime::LogLevel log_level(crier::config::LogLevel level) {
  switch (level) {
    case crier::config::LogLevel::debug: return crier::runtime::LogLevel::debug;
    case crier::config::LogLevel::info: return crier::runtime::LogLevel::info;
    case crier::config::LogLevel::warn: return crier::runtime::LogLevel::warn;
    case crier::config::LogLevel::error: return crier::runtime::LogLevel::error;
  }
  __builtin_unreachable();
}

}  // namespace

int main(int argc, char** argv) {
  crier::config::CommandLine line = crier::config::parse_command_line(argc, argv);
  if (line.action == crier::config::CommandLine::Action::finished) {
    std::fputs(line.output.c_str(), line.exit_code == 0 ? stdout : stderr);
    return line.exit_code;
  }
  crier::runtime::start_log(log_level(line.config.log.level), line.config.log.format == crier::config::LogFormat::json);
  crier::Server server(std::move(line.config));
  if (const auto opened = server.open(); !opened) {
    std::fprintf(stderr, "crier: %s\n", opened.error().c_str());
    return exit_cannot_start;
  }
  return server.run();
}
