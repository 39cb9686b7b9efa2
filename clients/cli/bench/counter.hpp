// Numbers that one thread counts and another looks at while it does.
#pragma once

#include <atomic>
#include <cstdint>

namespace crier::cli::benchmark {

// One writing thread, any reader: a plain add, no locked instruction.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value() + n, std::memory_order_relaxed); }
  void raise_to(std::uint64_t n) {
    if (n > value()) value_.store(n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace crier::cli::benchmark
