#include "broker/config/units.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace crier::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
// The largest first, so that the spelling found first is the shortest.
constexpr std::array size_units{Unit{"GiB", 1 << 30}, Unit{"MiB", 1 << 20}, Unit{"KiB", 1 << 10}, Unit{"B", 1},
                                Unit{"", 1}};
constexpr std::array duration_units{Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1}};

std::optional<std::int64_t> parse(std::string_view text, std::span<const Unit> units) {
  if (text.starts_with('-')) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

std::string spell(std::int64_t amount, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (amount != 0 && amount % unit.factor == 0) return std::to_string(amount / unit.factor) + std::string(unit.name);
  }
  return std::string("0").append(units.back().name);
}

}  // namespace

std::optional<std::int64_t> parse_size(std::string_view text) {
  return parse(text, size_units);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto milliseconds = parse(text, duration_units);
  if (!milliseconds) return std::nullopt;
  return std::chrono::milliseconds(*milliseconds);
}

std::string size_text(std::int64_t bytes) {
  return spell(bytes, size_units);
}

std::string duration_text(std::chrono::milliseconds duration) {
  return spell(duration.count(), duration_units);
}

}  // namespace crier::config
