// Whatever the environment holds, there is a configuration that passes its own rules, or problems of one printable
// line each that begin with a name of ours. The input's lines are the variables, without their common prefix.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/config_loader.hpp"
#include "broker/config/environment.hpp"
#include "protocol/base/check.hpp"
#include "tests/fuzz/config/printed.hpp"

namespace {

constexpr std::size_t variables_max = 16;  // each unknown name is compared with every known one

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> environment;
  while (!text.empty() && environment.size() < variables_max) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    environment.push_back("CRIER_" + std::string(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  crier::config::Draft draft;
  const auto variables = crier::config::configuration_variables(environment);
  for (const auto pass : crier::config::passes) read_environment(draft, variables, pass);
  settle(draft);
  check_draft(draft);
  const crier::config::Problems problems = draft.problems();
  for (const crier::config::Problem& problem : problems) {
    CRIER_ASSERT(problem.place.starts_with("CRIER_") || problem.place.starts_with("\"CRIER_") ||
                 problem.place == "configuration");
    CRIER_ASSERT(std::ranges::none_of(problem.text(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; }));
  }
  if (!problems.empty()) return 0;
  CRIER_ASSERT(crier::config::check(draft.config).empty());
  check_printed(draft);
  return 0;
}
