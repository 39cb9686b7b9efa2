// Random spread, so that clients that were sent away together do not come back together. Nothing secret.
// Any thread.
#pragma once

#include <cstdint>

namespace crier::runtime {

// Uniform in [least, most].
[[nodiscard]] std::uint64_t jitter(std::uint64_t least, std::uint64_t most);

}  // namespace crier::runtime
