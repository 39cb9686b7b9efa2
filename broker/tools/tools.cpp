#include "broker/tools/tools.hpp"

#include <algorithm>
#include <array>

#include "broker/config/names.hpp"
#include "broker/tools/commands.hpp"

namespace crier::tools {

namespace {

struct Command {
  std::string_view tool;
  std::string_view name;
  std::string_view help;
  Outcome (*run)(std::span<const std::string> arguments);
};

constexpr std::array commands = {
    Command{"key", "new", "Make a service key", key_new},
    Command{"token", "new", "Sign a token, for development and tests", token_new},
    Command{"token", "inspect", "Show what a token says, and whether a broker takes it", token_inspect},
};

std::string help_text(std::string_view tool) {
  std::string text = "Usage: crier " + std::string(tool) + " COMMAND\n\nCommands:\n";
  for (const Command& command : commands) {
    if (command.tool != tool) continue;
    std::string row = "  " + std::string(command.name);
    row.resize(12, ' ');
    text += row + std::string(command.help) + "\n";
  }
  return text + "\n`crier " + std::string(tool) + " COMMAND --help` prints what a command takes.\n";
}

}  // namespace

Outcome run_tool(std::string_view tool, std::span<const std::string> arguments) {
  if (tool == "drain") return drain(arguments);
  if (tool == "health") return health(arguments);
  if (arguments.empty()) return {exit_usage, "", help_text(tool)};
  const std::string& word = arguments.front();
  if (word == "--help" || word == "-h") return {exit_done, help_text(tool), ""};
  const auto found = std::ranges::find_if(
      commands, [&](const Command& command) { return command.tool == tool && command.name == word; });
  if (found != commands.end()) return found->run(arguments.subspan(1));
  return {exit_usage, "",
          "crier " + std::string(tool) + ": " + config::key_text(word) + ": unknown command\n\n" + help_text(tool)};
}

std::vector<const config::Usage*> usages() {
  return {&usage_of_drain(), &usage_of_health(), &usage_of_key_new(), &usage_of_token_new(), &usage_of_token_inspect()};
}

}  // namespace crier::tools
