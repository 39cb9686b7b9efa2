// Which Crier this is.
#pragma once

#include <string>
#include <string_view>

namespace crier::config {

// "0.1.0"
[[nodiscard]] std::string_view version();

// "crier 0.1.0 (g++ 12.2.0, Release)": what --version prints.
[[nodiscard]] std::string version_line();

}  // namespace crier::config
