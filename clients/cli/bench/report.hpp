// What a run found, for people and for programs. tests/bench/README.md explains the fields.
#pragma once

#include <string>

#include "clients/cli/bench/measurement.hpp"

namespace crier::cli::benchmark {

// Lines.
[[nodiscard]] std::string table_of(const Run& run, const Measurement& measured);
// One line with one object.
[[nodiscard]] std::string json_of(const Run& run, const Measurement& measured);

}  // namespace crier::cli::benchmark
