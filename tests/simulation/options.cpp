#include "tests/simulation/options.hpp"

#include <charconv>
#include <string_view>
#include <system_error>

namespace crier::simulation {

const char* const usage =
    "crier_simulation [--seed N] [--base N] [--runs R] [--seconds S] [--messages M] [--twice] [--verbose]\n"
    "  --seed N       replays the run of that seed, and nothing else\n"
    "  --base N       where the seeds of all runs come from; drawn anew without it\n"
    "  --runs R       so many worlds\n"
    "  --seconds S    worlds until so many seconds have passed (10 when nothing is given)\n"
    "  --messages M   worlds until so many messages have been delivered\n"
    "  --twice        each world twice, which must come to the same digest\n"
    "  --verbose      the whole story of each world\n";

std::string parse_options(int argc, char** argv, Options& options) {
  const auto number = [](std::string_view text, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--verbose") {
      options.verbose = true;
    } else if (name == "--twice") {
      options.twice = true;
    } else if (name == "--help") {
      options.help = true;
    } else {
      std::uint64_t value = 0;
      if (i + 1 == argc || !number(argv[i + 1], value))
        return std::string(name) + ": not an option, or without a number";
      ++i;
      if (name == "--seed") {
        options.seed = value;
      } else if (name == "--base") {
        options.base = value;
      } else if (name == "--runs") {
        options.runs = value;
      } else if (name == "--seconds") {
        options.seconds = value;
      } else if (name == "--messages") {
        options.messages = value;
      } else {
        return std::string(name) + ": not an option";
      }
    }
  }
  if (options.seed) options.runs = 1;
  if (options.runs == 0 && options.seconds == 0 && options.messages == 0) options.seconds = 10;
  return "";
}

}  // namespace crier::simulation
