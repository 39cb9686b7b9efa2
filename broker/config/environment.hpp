// Settings from the environment: CRIER_SERVER__THREADS=8.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "broker/config/draft.hpp"
#include "broker/config/keys.hpp"

namespace crier::config {

// A variable that names a setting.
struct Variable {
  std::string name;   // "CRIER_SERVER__THREADS"
  std::string id;     // "server.threads"
  std::string value;  // as it is
};

// Those of a process's environment ("NAME=value" each) that begin with CRIER_ and have a "__": no other is ours.
// Sorted by name.
[[nodiscard]] std::vector<Variable> configuration_variables(std::span<const std::string> environment);

// Reads those that belong to the pass; a name that stands for no setting is told in the first.
void read_environment(Draft& draft, std::span<const Variable> variables, Pass pass);

}  // namespace crier::config
