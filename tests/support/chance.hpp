// What is drawn, and nothing of it by the standard library's distributions, which differ between libraries.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>

namespace crier::testing {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  [[nodiscard]] std::uint64_t next() { return engine_(); }
  // 0 to `end` - 1.
  [[nodiscard]] std::size_t below(std::size_t end) { return static_cast<std::size_t>(engine_() % end); }
  [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }
  // Both ends included.
  [[nodiscard]] std::size_t between(std::size_t low, std::size_t high) { return low + below(high - low + 1); }
  template <class T, std::size_t N>
  [[nodiscard]] T one_of(const T (&values)[N]) {
    return values[below(N)];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace crier::testing
