// Time is monotonic nanoseconds everywhere in the load generator.
#pragma once

#include <time.h>

#include <cerrno>
#include <cstdint>

namespace crier::bench {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t millisecond_ns = 1'000'000;
constexpr std::int64_t never_ns = INT64_MAX;

[[nodiscard]] inline std::int64_t now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * second_ns + time.tv_nsec;
}

[[nodiscard]] inline std::int64_t from_seconds(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

inline void sleep_ns(std::int64_t ns) {
  if (ns <= 0) return;
  timespec left{ns / second_ns, ns % second_ns};
  while (::nanosleep(&left, &left) < 0 && errno == EINTR) {
  }
}

inline void sleep_until(std::int64_t when) {
  sleep_ns(when - now_ns());
}

}  // namespace crier::bench
