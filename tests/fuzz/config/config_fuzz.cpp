// Whatever a file holds, the loader answers with a configuration that passes its own rules, or with problems of one
// printable line each, in the order of the lines.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/config/config_loader.hpp"
#include "protocol/base/check.hpp"

namespace {

// The line in "f:12:3".
unsigned line_of(const std::string& place) {
  CRIER_ASSERT(place.starts_with("f:"));
  unsigned line = 0;
  std::from_chars(place.data() + 2, place.data() + place.size(), line);
  CRIER_ASSERT(line > 0);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = crier::config::parse_toml(text, "f");
  if (parsed) {
    CRIER_ASSERT(crier::config::check(*parsed).empty());
    CRIER_ASSERT(parsed->namespaces.contains("default"));
    return 0;
  }
  CRIER_ASSERT(!parsed.error().empty());
  unsigned last = 0;
  for (const crier::config::Problem& problem : parsed.error()) {
    const unsigned line = line_of(problem.place);
    CRIER_ASSERT(line >= last);
    last = line;
    CRIER_ASSERT(std::ranges::none_of(problem.text(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; }));
  }
  return 0;
}
