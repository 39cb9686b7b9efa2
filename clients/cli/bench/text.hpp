// Numbers for people, beside those of clients/cli/text.hpp.
#pragma once

#include <cstdint>
#include <string>

namespace crier::cli::benchmark {

[[nodiscard]] std::string decimal(double number, int digits);               // "3.14"
[[nodiscard]] std::string time_of(std::uint64_t ns);                        // "812 us", "3.4 ms"
[[nodiscard]] std::string counted(std::uint64_t number, const char* what);  // "1 publisher", "2 publishers"

}  // namespace crier::cli::benchmark
