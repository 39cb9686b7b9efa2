// xorshift64*: the choice of channels and the masks of frames want speed. Masks are to be unpredictable because of
// proxies that a script could poison (RFC 6455 10.3); here is no script, and the seed comes from the system.
#pragma once

#include <cstdint>

namespace crier::cli::benchmark {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed | 1U) {}

  [[nodiscard]] std::uint32_t next() {
    state_ ^= state_ >> 12U;
    state_ ^= state_ << 25U;
    state_ ^= state_ >> 27U;
    return static_cast<std::uint32_t>((state_ * 0x2545F4914F6CDD1DULL) >> 32U);
  }
  [[nodiscard]] std::uint32_t below(std::uint32_t end) {
    return static_cast<std::uint32_t>((std::uint64_t{next()} * end) >> 32U);
  }

 private:
  std::uint64_t state_;
};

}  // namespace crier::cli::benchmark
