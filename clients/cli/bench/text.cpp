#include "clients/cli/bench/text.hpp"

#include <array>
#include <cstdio>

#include "clients/cli/text.hpp"

namespace crier::cli::benchmark {

std::string decimal(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

std::string time_of(std::uint64_t ns) {
  return latency_text(static_cast<double>(ns) / 1e9);
}

std::string counted(std::uint64_t number, const char* what) {
  return grouped(number) + " " + what + (number == 1 ? "" : "s");
}

}  // namespace crier::cli::benchmark
