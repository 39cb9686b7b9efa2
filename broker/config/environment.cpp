#include "broker/config/environment.hpp"

#include <algorithm>
#include <string_view>

#include "broker/config/config_loader.hpp"
#include "broker/config/names.hpp"

namespace crier::config {
namespace {

constexpr std::string_view prefix = "CRIER_";
constexpr std::string_view separator = "__";

// "SERVER__THREADS" -> "server.threads". What is no upper case stands for nothing, and stays.
std::string id_of(std::string_view name) {
  std::string id;
  while (!name.empty()) {
    if (name.starts_with(separator)) {
      id += '.';
      name.remove_prefix(separator.size());
      continue;
    }
    const char c = name.front();
    if (c >= 'A' && c <= 'Z') {
      id += static_cast<char>(c - 'A' + 'a');
    } else {
      id += (c >= '0' && c <= '9') || c == '_' || c == '-' ? c : '?';
    }
    name.remove_prefix(1);
  }
  return id;
}

// Without the prefix, which all have in common and which would make all of them near each other.
std::string words_of(std::string_view id) {
  std::string name;
  for (const char c : id) {
    if (c == '.') {
      name += separator;
    } else {
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return name;
}

// Every name there is, with the namespace that `id` speaks of.
std::vector<std::string> known_words(std::string_view id) {
  constexpr std::string_view in_namespace = "namespace.";
  std::string_view space = "default";
  if (id.starts_with(in_namespace)) {
    const std::string_view rest = id.substr(in_namespace.size());
    space = rest.substr(0, rest.find('.'));
  }
  std::vector<std::string> names;
  for (std::string key : supported_keys()) {
    if (key.find("[]") != std::string::npos) continue;
    if (const auto star = key.find('*'); star != std::string::npos) key.replace(star, 1, space);
    names.push_back(words_of(key));
  }
  return names;
}

void refuse_name(Draft& draft, const Variable& variable) {
  const std::vector<std::string> known = known_words(variable.id);
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const std::string_view near = nearest(std::string_view(variable.name).substr(prefix.size()), candidates);
  std::string hint = near.empty() ? "names are made like CRIER_SERVER__THREADS and CRIER_NAMESPACE__CHAT__PUBLISH."
                                  : concat({"did you mean ", prefix, near, "?"});
  if (variable.id.starts_with("tls.host") || variable.id.starts_with("auth.service_key")) {
    hint = "[[tls.host]] and [[auth.service_key]] are set in a file alone.";
  }
  draft.add_problem(Source{key_text(variable.name), "", {}}, "stands for no setting: " + hint);
}

}  // namespace

std::vector<Variable> configuration_variables(std::span<const std::string> environment) {
  std::vector<Variable> variables;
  for (const std::string_view entry : environment) {
    const std::size_t equals = entry.find('=');
    const std::string_view name = entry.substr(0, equals);
    if (equals == std::string_view::npos || !name.starts_with(prefix)) continue;
    const std::string_view words = name.substr(prefix.size());
    if (words.find(separator) == std::string_view::npos) continue;
    variables.push_back({std::string(name), id_of(words), std::string(entry.substr(equals + 1))});
  }
  std::ranges::sort(variables, {}, &Variable::name);
  return variables;
}

void read_environment(Draft& draft, std::span<const Variable> variables, Pass pass) {
  for (const Variable& variable : variables) {
    const bool second = variable.id.starts_with("namespace.") && !variable.id.starts_with("namespace.default.");
    if (second != (pass == Pass::namespaces)) continue;
    const Source source{variable.name, "", {}};
    if (!read_setting(draft, variable.id, source, Value{{}, variable.value})) refuse_name(draft, variable);
  }
}

}  // namespace crier::config
