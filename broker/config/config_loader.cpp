#include "broker/config/config_loader.hpp"

#include "broker/config/draft.hpp"
#include "broker/config/file.hpp"

namespace crier::config {

Result<Config, Problems> parse_toml(std::string_view text, const std::string& file_name) {
  Draft draft;
  if (read_file_text(draft, text, file_name)) check_draft(draft);
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
