// Numbers and times that are given as options.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/tools/options.hpp"

namespace crier::cli {

// "1", "20": at least `min`. nullopt: something else.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t min = 1);
// "2", "0.5", "500ms", "10s", "5m", "1h": seconds where no unit is given. nullopt: something else, or nothing at all.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_time(std::string_view text);

// These leave `into` as it is where the option is not given. Each answers what is wrong, or "".
[[nodiscard]] std::string read_count(const tools::Options& options, std::string_view name, std::uint64_t& into);
[[nodiscard]] std::string read_time(const tools::Options& options, std::string_view name,
                                    std::chrono::milliseconds& into);

}  // namespace crier::cli
