#include "broker/config/listing.hpp"

#include "broker/config/key_table.hpp"
#include "broker/config/names.hpp"

namespace crier::config {
namespace {

template <class Target>
void list(std::vector<Entry>& out, const std::string& table, std::string_view prefix, Target& target) {
  for (const Key<Target>& key : keys_of<Target>().keys) {
    if (key.table) continue;  // its own keys are listed by themselves
    Entry& entry = out.emplace_back(Entry{table, concat({prefix, key.name}), ""});
    key.exchange(Exchange(entry.text), target);
  }
}

template <class Target>
void list_array(std::vector<Entry>& out, const std::string& array, std::vector<Target>& targets) {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    list(out, concat({array, "[", std::to_string(i), "]"}), "", targets[i]);
  }
}

void list_namespace(std::vector<Entry>& out, const std::string& name, Namespace& settings) {
  const std::string table = "namespace." + name;
  list(out, table, "", settings);
  list(out, table, "history.", settings.history);
}

}  // namespace

std::vector<Entry> entries(const Config& config) {
  Config copy = config;  // a key's one function may write to its field, too
  std::vector<Entry> out;
  for_each_table(copy, [&](std::string_view table, auto& target) {
    list(out, std::string(table), "", target);
    if (table == "tls") list_array(out, "tls.host", copy.tls.hosts);
    if (table == "auth.jwt") list_array(out, "auth.service_key", copy.auth.service_keys);
  });
  list_namespace(out, "default", copy.namespaces.at("default"));
  for (auto& [name, settings] : copy.namespaces) {
    if (name != "default") list_namespace(out, name, settings);
  }
  return out;
}

bool is_secret(std::string_view id) {
  return id == "auth.jwt.secret";
}

}  // namespace crier::config
