#include "broker/config/config_loader.hpp"

#include "broker/config/draft.hpp"
#include "broker/config/file.hpp"
#include "broker/config/keys.hpp"
#include "broker/config/names.hpp"

namespace crier::config {
namespace {

// Written for this namespace, or for the one that it inherits from?
bool written(const Draft& draft, std::string_view name, std::string_view key) {
  return draft.source_of(concat({"namespace.", name, ".", key})) != nullptr ||
         draft.source_of(concat({"namespace.default.", key})) != nullptr;
}

}  // namespace

void settle(Draft& draft) {
  if (!draft.config.auth.configured()) return;
  for (auto& [name, settings] : draft.config.namespaces) {
    if (!written(draft, name, "publish")) settings.publish = Who::granted;
    if (!written(draft, name, "pattern_access")) settings.pattern_access = Access::granted;
  }
}

Result<Config, Problems> parse_toml(std::string_view text, const std::string& file_name) {
  Draft draft;
  if (const auto document = parse_file(draft, text, file_name)) {
    for (const Pass pass : passes) read_document(draft, document->name, document->table, pass);
    settle(draft);
    check_draft(draft);
  }
  Problems problems = draft.problems();
  if (!problems.empty()) return problems;
  return std::move(draft.config);
}

Problems check(const Config& config) {
  Draft draft;
  draft.config = config;
  check_draft(draft);
  return draft.problems();
}

}  // namespace crier::config
