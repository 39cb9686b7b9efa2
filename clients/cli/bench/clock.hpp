#pragma once

#include <chrono>
#include <cstdint>

namespace crier::cli::benchmark {

inline constexpr std::int64_t second_ns = 1'000'000'000;
inline constexpr std::int64_t millisecond_ns = 1'000'000;
inline constexpr std::int64_t never_ns = INT64_MAX;

[[nodiscard]] inline std::int64_t now_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}
[[nodiscard]] constexpr std::int64_t ns_of(std::chrono::milliseconds time) {
  return std::chrono::nanoseconds(time).count();
}

}  // namespace crier::cli::benchmark
