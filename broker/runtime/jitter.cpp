#include "broker/runtime/jitter.hpp"

#include <random>

namespace crier::runtime {

std::uint64_t jitter(std::uint64_t least, std::uint64_t most) {
  static thread_local std::minstd_rand numbers(std::random_device{}());
  return std::uniform_int_distribution<std::uint64_t>(least, most)(numbers);
}

}  // namespace crier::runtime
