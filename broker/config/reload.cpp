#include "broker/config/reload.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "broker/config/draft.hpp"
#include "broker/config/keys.hpp"
#include "broker/config/listing.hpp"
#include "broker/config/toml_document.hpp"

namespace crier::config {
namespace {

// What the start decides: sockets, threads, the engine, and what is counted against the process's descriptors.
constexpr std::array<std::string_view, 10> fixed_settings{
    "server.listen",          "server.admin", "server.threads",         "server.proxy_protocol", "server.state_dir",
    "limits.connections_max", "engine.kind",  "engine.queue_bytes_max", "engine.timeout",        "log.format",
};

bool is_fixed(std::string_view id) {
  return std::ranges::count(fixed_settings, id) > 0;
}

// By their texts, as a file would bring them.
void keep_fixed(Config& config, const Config& running) {
  Draft draft;
  draft.config = std::move(config);
  for (const Entry& entry : entries(running)) {
    if (!is_fixed(entry.id())) continue;
    const auto document = parse_document("value = " + entry.text);
    CRIER_ASSERT(document && document->size() == 1);
    CRIER_ASSERT(read_setting(draft, entry.id(), Source{"", "", Place{1, 1}}, document->front().value));
  }
  CRIER_ASSERT(draft.problems().empty());
  config = std::move(draft.config);
  config.server.echo = running.server.echo;  // a flag's alone
}

// The key, or what stands for it: see Reload.
std::string name_of(const Entry& entry, const Config& a, const Config& b) {
  constexpr std::string_view in_namespace = "namespace.";
  if (const std::size_t bracket = entry.table.find('['); bracket != std::string::npos) {
    return entry.table.substr(0, bracket);
  }
  if (entry.table.starts_with(in_namespace)) {
    const std::string name = entry.table.substr(in_namespace.size());
    if (a.namespaces.contains(name) != b.namespaces.contains(name)) return entry.table;
  }
  return entry.id();
}

std::vector<std::string> differences(const Config& a, const Config& b) {
  std::map<std::string, std::pair<std::string, std::string>> texts;
  std::vector<Entry> order = entries(a);
  for (const Entry& entry : order) texts[entry.id()].first = "=" + entry.text;
  for (const Entry& entry : entries(b)) {
    auto& both = texts[entry.id()];
    if (both.first.empty()) order.push_back(entry);
    both.second = "=" + entry.text;
  }
  std::vector<std::string> names;
  for (const Entry& entry : order) {
    const auto& [in_a, in_b] = texts[entry.id()];
    if (in_a == in_b) continue;
    std::string name = name_of(entry, a, b);
    if (std::ranges::count(names, name) == 0) names.push_back(std::move(name));
  }
  return names;
}

// To switch TLS on or off under who is connected is for a restart: the file may be one that somebody emptied.
void keep_tls(Reload& reload, const Config& running, const Config& loaded) {
  if (running.tls.enabled() == loaded.tls.enabled()) return;
  reload.config.tls = running.tls;
  std::erase_if(reload.changed, [](const std::string& name) { return name.starts_with("tls."); });
  reload.fixed.emplace_back("tls");
}

// Likewise to open the broker to everybody; and it would be another broker, by the defaults that follow.
Problems judge_openness(const Config& running, const Config& loaded) {
  if (!running.auth.configured() || loaded.auth.configured()) return {};
  return {{"reload",
           "[auth]: found no token and no service key that could be verified, expected one at least, as before. "
           "Everybody could publish: if that is meant, restart the broker."}};
}

}  // namespace

Result<Reload, Problems> plan_reload(const Config& running, const Config& loaded) {
  if (Problems problems = judge_openness(running, loaded); !problems.empty()) return problems;
  Reload reload;
  reload.config = loaded;
  keep_fixed(reload.config, running);
  for (std::string& name : differences(running, loaded)) {
    (is_fixed(name) ? reload.fixed : reload.changed).push_back(std::move(name));
  }
  keep_tls(reload, running, loaded);
  Problems problems = check(reload.config);
  if (!problems.empty()) return problems;
  return reload;
}

std::vector<std::string> files_of(const Config& config) {
  std::vector<std::string> files{config.tls.certificate, config.tls.private_key, config.tls.client_ca,
                                 config.auth.jwt.public_key, config.auth.jwt.jwks};
  for (const TlsHost& host : config.tls.hosts) {
    files.push_back(host.certificate);
    files.push_back(host.private_key);
  }
  std::erase(files, "");
  std::ranges::sort(files);
  files.erase(std::ranges::unique(files).begin(), files.end());
  return files;
}

}  // namespace crier::config
