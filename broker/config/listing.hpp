// Every setting of a configuration with its value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/config/config.hpp"

namespace crier::config {

struct Entry {
  std::string table;  // "server", "namespace.chat", "auth.service_key[0]"
  std::string key;    // "threads", "history.age"
  std::string text;   // the value as TOML; "" when it is not set (server.origins). A secret stands in it.

  [[nodiscard]] std::string id() const { return table + "." + key; }
  friend bool operator==(const Entry&, const Entry&) = default;
};

// Table by table: the fixed ones, each array's tables behind the table that it belongs to, then namespace.default and
// the other namespaces by name.
[[nodiscard]] std::vector<Entry> entries(const Config& config);

// Must its value be masked wherever it is shown?
[[nodiscard]] bool is_secret(std::string_view id);

}  // namespace crier::config
