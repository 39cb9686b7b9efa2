// What a configuration that was loaded anew changes in a running broker.
#pragma once

#include <string>
#include <vector>

#include "broker/config/config_loader.hpp"

namespace crier::config {

// Settings are named by their keys, as "limits.heartbeat"; arrays of tables ("auth.service_key") and namespaces that
// come or go ("namespace.chat") as a whole.
struct Reload {
  Config config;                     // what takes effect: the loaded values, but of fixed settings the running ones
  std::vector<std::string> changed;  // what differs between the running configuration and this one
  std::vector<std::string> fixed;    // what differs too, and needs a restart; "tls": to switch it on or off
};

// Problems: those of the configuration that would take effect. Both by themselves are free of them, but a mixture can
// break a rule: to remove all keys and to listen on loopback alone, say, where only the first could happen now. Nor can
// a reload take the last token and key away.
[[nodiscard]] Result<Reload, Problems> plan_reload(const Config& running, const Config& loaded);

// Every file that the configuration names: certificates, keys, key sets. Each once.
[[nodiscard]] std::vector<std::string> files_of(const Config& config);

}  // namespace crier::config
