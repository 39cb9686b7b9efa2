// Whatever answers where `crier top` asks: it is refused, or becomes a screen that fits, of printable characters alone,
// and JSON that can be read. The first line of the input divides /metrics from /channels.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "clients/cli/top/figures.hpp"
#include "clients/cli/top/view.hpp"
#include "protocol/base/check.hpp"

namespace {

void check_screen(const crier::cli::Figures& figures, const crier::cli::Layout& layout) {
  for (const std::string& line : crier::cli::screen_of(figures, {"127.0.0.1:9008", "12:34:56", ""}, layout)) {
    CRIER_ASSERT(line.size() <= layout.width);
    for (const char c : line) CRIER_ASSERT(c >= ' ' && c <= '~');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view first = input.substr(0, input.find('\n'));
  auto channels = crier::cli::parse_channels(first);
  auto metrics = crier::cli::Metrics::parse(input.substr(first.size()));
  if (!metrics) return 0;
  crier::cli::Look look;
  look.wall_s = 1e9;
  look.metrics = std::move(*metrics);
  look.channels = std::move(channels);
  crier::cli::Look before = look;
  look.at += std::chrono::seconds(1);
  const crier::cli::Figures figures = crier::cli::figures_of(&before, look);
  check_screen(figures, {80, 24, false, true});
  check_screen(figures, {7, 0, false, false});
  CRIER_ASSERT(!nlohmann::json::parse(crier::cli::json_of(figures, {"a", "b", ""}, 1)).empty());
  return 0;
}
