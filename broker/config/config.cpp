#include "broker/config/config.hpp"

#include "protocol/base/check.hpp"

namespace crier::config {

const Namespace& Config::settings_of(std::string_view name) const {
  auto found = namespaces.find(name);
  if (found == namespaces.end()) found = namespaces.find("default");
  CRIER_ASSERT(found != namespaces.end());
  return found->second;
}

}  // namespace crier::config
