// Sizes and durations as operators write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crier::config {

// "16KiB", "1MiB", "1GiB", "64B", "64": bytes. nullopt: another form, or more than fits.
[[nodiscard]] std::optional<std::int64_t> parse_size(std::string_view text);

// "500ms", "10s", "5m", "1h". A number alone is none: it does not say seconds or milliseconds.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// The shortest exact spelling, which the parsers above read back.
[[nodiscard]] std::string size_text(std::int64_t bytes);
[[nodiscard]] std::string duration_text(std::chrono::milliseconds duration);

}  // namespace crier::config
