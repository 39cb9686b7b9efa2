#include "clients/cli/option_values.hpp"

#include <charconv>
#include <cmath>
#include <system_error>

#include "broker/config/units.hpp"

namespace crier::cli {

std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t min) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < min) return std::nullopt;
  return number;
}

std::optional<std::chrono::milliseconds> parse_time(std::string_view text) {
  using std::chrono::milliseconds;
  constexpr double seconds_max = 366.0 * 86'400;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc{} && end == text.data() + text.size()) {
    if (!(seconds >= 0.001 && seconds <= seconds_max)) return std::nullopt;
    return milliseconds(std::llround(seconds * 1000));
  }
  const auto time = config::parse_duration(text);
  return time && *time > milliseconds(0) && *time <= std::chrono::hours(366 * 24) ? time : std::nullopt;
}

std::string read_count(const tools::Options& options, std::string_view name, std::uint64_t& into) {
  const auto text = options.one(name);
  if (!text) return "";
  const auto count = parse_count(*text);
  if (!count) return std::string(name) + ": expected a number from 1";
  into = *count;
  return "";
}

std::string read_time(const tools::Options& options, std::string_view name, std::chrono::milliseconds& into) {
  const auto text = options.one(name);
  if (!text) return "";
  const auto time = parse_time(*text);
  if (!time) return std::string(name) + ": expected a time as 500ms, 10s, 5m, or seconds";
  into = *time;
  return "";
}

}  // namespace crier::cli
