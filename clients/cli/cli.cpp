#include "clients/cli/cli.hpp"

#include <algorithm>
#include <array>

#include "clients/cli/commands.hpp"
#include "protocol/base/check.hpp"

namespace crier::cli {

namespace {

struct Command {
  std::string_view name;
  int (*run)(std::span<const std::string> arguments);
};

// Their descriptions are in broker/config/usage.cpp, beside those of all commands.
constexpr std::array commands = {
    Command{"sub", sub},
    Command{"pub", pub},
    Command{"top", top},
    Command{"bench", bench},
    Command{"completions", completions},
    Command{"man", man},
};

}  // namespace

bool knows(std::string_view command) {
  return std::ranges::find(commands, command, &Command::name) != commands.end();
}

int run(std::string_view command, std::span<const std::string> arguments) {
  const auto* const found = std::ranges::find(commands, command, &Command::name);
  CRIER_ASSERT(found != commands.end());
  return found->run(arguments);
}

}  // namespace crier::cli
