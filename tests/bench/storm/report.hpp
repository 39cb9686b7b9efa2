// The result of a run: one line of JSON.
#pragma once

#include <string>

#include "tests/bench/storm/phases.hpp"
#include "tests/bench/storm/run.hpp"

namespace crier::storm {

[[nodiscard]] std::uint64_t lost(const Run& run);
// Something was lost, came twice, out of order, to the wrong one, or could not be recovered.
[[nodiscard]] bool is_bad(const Run& run);
[[nodiscard]] std::string report(const Run& run, const Measured& measured);

}  // namespace crier::storm
