// Secrets that others may see: no fault, as something in front or beside may protect them, and yet worth a warning.
#pragma once

#include <string>
#include <vector>

#include "broker/config/config.hpp"

namespace crier {

// A sentence for each: addresses where tokens and keys travel in the clear, and files of secrets that everybody on this
// machine may read. `file`: the configuration's; "": none.
[[nodiscard]] std::vector<std::string> exposures(const config::Config& config, const std::string& file);

}  // namespace crier
