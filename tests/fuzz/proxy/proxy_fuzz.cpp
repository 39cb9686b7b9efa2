// Property: what a connection's first bytes amount to does not depend on how the reads were cut; a header ends
// within its bound, and asking for more asks for what is not there yet. The first byte chooses the cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "protocol/base/check.hpp"
#include "protocol/proxy/header_parser.hpp"

namespace {

using namespace crier::proxy;

void check(const ParseStep& step, std::string_view input) {
  if (const auto* const more = std::get_if<NeedMore>(&step)) {
    CRIER_ASSERT(more->bytes_min > input.size() && more->bytes_min <= header_bytes_max);
  } else if (const auto* const header = std::get_if<Header>(&step)) {
    CRIER_ASSERT(header->bytes >= head_bytes && header->bytes <= std::min(input.size(), header_bytes_max));
    CRIER_ASSERT(!header->local || header->source == Source{});
    CRIER_ASSERT(begins_header(input));
  } else {
    CRIER_ASSERT(!describe(std::get<Fault>(step)).empty());
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view whole(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string_view part = whole.substr(0, std::min<std::size_t>(data[0], whole.size()));
  const ParseStep all = parse_header(whole);
  const ParseStep cut = parse_header(part);
  check(all, whole);
  check(cut, part);
  if (std::holds_alternative<NeedMore>(cut)) return 0;
  // Told early, it is told alike.
  CRIER_ASSERT(all.index() == cut.index());
  if (const auto* const header = std::get_if<Header>(&cut)) CRIER_ASSERT(*header == std::get<Header>(all));
  return 0;
}
