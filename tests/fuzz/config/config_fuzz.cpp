// Whatever a file holds, the loader answers with a configuration that passes its own rules, or with problems of one
// printable line each, in the order of the lines. What was taken prints as a file that loads as the same, and can take
// over from a running configuration.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/config/config_loader.hpp"
#include "broker/config/file.hpp"
#include "broker/config/keys.hpp"
#include "broker/config/reload.hpp"
#include "protocol/base/check.hpp"
#include "tests/fuzz/config/printed.hpp"

namespace {

using crier::config::Config;

// The line in "f:12:3".
unsigned line_of(const std::string& place) {
  CRIER_ASSERT(place.starts_with("f:"));
  unsigned line = 0;
  std::from_chars(place.data() + 2, place.data() + place.size(), line);
  CRIER_ASSERT(line > 0);
  return line;
}

void check_problems(const crier::config::Problems& problems) {
  CRIER_ASSERT(!problems.empty());
  unsigned last = 0;
  for (const crier::config::Problem& problem : problems) {
    const unsigned line = line_of(problem.place);
    CRIER_ASSERT(line >= last);
    last = line;
    CRIER_ASSERT(std::ranges::none_of(problem.text(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; }));
  }
}

// The same once more, with the places of what was written.
crier::config::Draft draft_of(std::string_view text) {
  crier::config::Draft draft;
  const auto document = crier::config::parse_file(draft, text, "f");
  CRIER_ASSERT(document);
  for (const auto pass : crier::config::passes) read_document(draft, document->name, document->table, pass);
  settle(draft);
  return draft;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = crier::config::parse_toml(text, "f");
  if (!parsed) {
    check_problems(parsed.error());
    return 0;
  }
  CRIER_ASSERT(crier::config::check(*parsed).empty());
  CRIER_ASSERT(parsed->namespaces.contains("default"));
  const crier::config::Draft draft = draft_of(text);
  CRIER_ASSERT(draft.config == *parsed);
  check_printed(draft);
  const auto plan = crier::config::plan_reload(*parsed, Config{});
  CRIER_ASSERT(!plan || plan->config.server.listen == parsed->server.listen);
  const auto same = crier::config::plan_reload(*parsed, *parsed);
  CRIER_ASSERT(same && same->config == *parsed && same->changed.empty() && same->fixed.empty());
  static_cast<void>(print_summary(*parsed));
  return 0;
}
