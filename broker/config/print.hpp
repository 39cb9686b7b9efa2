// What `crier config` and `crier check` print.
#pragma once

#include <string>

#include "broker/config/draft.hpp"

namespace crier::config {

// The whole configuration as a file that loads again, each key with where its value came from. Secrets are masked:
// such a file wants them filled in first.
[[nodiscard]] std::string print_config(const Draft& draft);

// Where it listens and who may do what, for people.
[[nodiscard]] std::string print_summary(const Config& config);

}  // namespace crier::config
