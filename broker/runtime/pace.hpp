// So many in a second on average, and those of `burst_s` seconds at once. No clock: whoever asks says what time it is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace crier::runtime {

// A token bucket in one number: when it will be full again (the "generic cell rate algorithm"). One that was never
// used is full.
template <std::int64_t burst_s>
class BasicPace {
 public:
  // Takes one. False: none is left, and none was taken. `per_second` is at least 1, and may differ from call to call.
  [[nodiscard]] bool take(std::size_t per_second, std::int64_t now_ms) noexcept {
    const std::int64_t now_ns = now_ms * 1'000'000;
    full_at_ns_ = bounded(per_second, now_ns);
    const std::int64_t start_ns = std::max(full_at_ns_, now_ns);
    if (start_ns + each_ns(per_second) - now_ns > burst_ns(per_second)) return false;
    full_at_ns_ = start_ns + each_ns(per_second);
    return true;
  }
  // Whole seconds until there is one to take again; at least 1.
  [[nodiscard]] std::int64_t wait_s(std::size_t per_second, std::int64_t now_ms) const noexcept {
    const std::int64_t now_ns = now_ms * 1'000'000;
    const std::int64_t left_ns = bounded(per_second, now_ns) + each_ns(per_second) - burst_ns(per_second) - now_ns;
    return std::max<std::int64_t>(1, (left_ns + 999'999'999) / 1'000'000'000);
  }
  [[nodiscard]] bool full(std::int64_t now_ms) const noexcept { return full_at_ns_ <= now_ms * 1'000'000; }

 private:
  [[nodiscard]] static std::int64_t each_ns(std::size_t per_second) noexcept {
    return 1'000'000'000 / static_cast<std::int64_t>(per_second);
  }
  [[nodiscard]] static std::int64_t burst_ns(std::size_t per_second) noexcept {
    return each_ns(per_second) * burst_s * static_cast<std::int64_t>(per_second);
  }
  // A clock that was set back, or a rate that was lower, must not leave somebody waiting for hours.
  [[nodiscard]] std::int64_t bounded(std::size_t per_second, std::int64_t now_ns) const noexcept {
    return std::min(full_at_ns_, now_ns + burst_ns(per_second));
  }

  std::int64_t full_at_ns_ = 0;
};

using Pace = BasicPace<2>;

}  // namespace crier::runtime
