#include "broker/config/version.hpp"

namespace crier::config {

std::string_view version() {
  return CRIER_VERSION;
}

std::string version_line() {
#if defined(__clang__)
  const std::string compiler = "clang++ " __clang_version__;
#else
  const std::string compiler = "g++ " __VERSION__;
#endif
  const std::string_view build = CRIER_BUILD_TYPE;
  return "crier " + std::string(version()) + " (" + compiler + (build.empty() ? "" : ", " + std::string(build)) + ")";
}

}  // namespace crier::config
