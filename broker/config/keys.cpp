#include "broker/config/keys.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "broker/config/key_table.hpp"
#include "broker/config/names.hpp"

namespace crier::config {
namespace {

constexpr std::array<std::string_view, 8> tables{"server",      "tls",       "auth",   "limits",
                                                 "compression", "namespace", "engine", "log"};

template <class Target>
bool is_leaf(const KeyTable<Target>& table, std::string_view name) {
  return std::ranges::any_of(table.keys, [&](const Key<Target>& key) { return key.name == name && !key.table; });
}

template <class Target>
bool has_key(const KeyTable<Target>& table, std::string_view name) {
  return std::ranges::count(table.keys, name, &Key<Target>::name) > 0;
}

// "`limits.heartbeat`" for "heartbeat", all of them for "level"; "" when no table has such a key.
std::string home_of(std::string_view name) {
  Config unused;
  std::string homes;
  const auto look_into = [&]<class Target>(std::string_view table, const KeyTable<Target>& keys) {
    if (!has_key(keys, name)) return;
    if (!homes.empty()) homes += " or ";
    homes += concat({"`", table, ".", name, "`"});
  };
  for_each_table(unused, [&]<class Target>(std::string_view table, Target&) { look_into(table, keys_of<Target>()); });
  look_into("auth.service_key", keys_of<ServiceKey>());
  look_into("namespace.default", keys_of<Namespace>());
  look_into("namespace.default.history", keys_of<History>());
  return homes;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::count(names, name) > 0;
}

// The table behind a header, or nothing after refusing what stands there instead.
const Table* table_of(Draft& draft, const Source& source, const Value& value, std::string_view example) {
  if (const auto* table = std::get_if<Table>(&value.data)) return table;
  Setting{draft, source.key, source, value}.refuse(concat({"a table: ", example}));
  return nullptr;
}

void read_namespace(Draft& draft, const std::string& file_name, const Member& member) {
  const Source source{file_name, "namespace." + key_text(member.key), member.place};
  const Table* table = table_of(draft, source, member.value, "[namespace.default], say, and the settings below it");
  if (table == nullptr) return;
  Namespace settings = draft.config.settings_of("default");
  read_table(draft, source, "namespace." + member.key, *table, settings);
  if (is_bare(member.key)) {
    draft.config.namespaces.insert_or_assign(member.key, settings);
    return;
  }
  draft.add_problem(source,
                    "found " + in_quotes(member.key) +
                        ", expected a name of letters, digits, \"_\" and \"-\". No channel could belong to it.");
}

void read_namespaces(Draft& draft, const std::string& file_name, const Table& namespaces, Pass pass) {
  for (const Member& member : namespaces) {
    if ((member.key == "default") == (pass == Pass::settings)) read_namespace(draft, file_name, member);
  }
}

void refuse_root_key(Draft& draft, const Source& source, const Member& member) {
  if (!std::holds_alternative<Table>(member.value.data)) {
    const std::string home = home_of(member.key);
    const std::string hint = home.empty() ? concat({"every key stands in a table: ", listed(tables), "."})
                                          : concat({"did you mean ", home, "?"});
    return draft.add_problem(source, concat({"unknown key `", key_text(member.key), "`, ", hint}));
  }
  const std::string_view near = nearest(member.key, tables);
  const std::string hint =
      near.empty() ? concat({"the tables are: ", listed(tables), "."}) : concat({"did you mean [", near, "]?"});
  draft.add_problem(source, concat({"unknown table [", key_text(member.key), "], ", hint}));
}

template <class Target>
bool read_key(std::string_view name, const Setting& setting, Target& target) {
  for (const Key<Target>& key : keys_of<Target>().keys) {
    if (key.table || key.name != name) continue;
    key.exchange(Exchange(setting), target);
    return true;
  }
  return false;
}

// `path` is "NAME.publish" or "NAME.history.age".
bool read_namespace_setting(std::string_view path, const Setting& setting) {
  constexpr std::string_view history = "history.";
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view name = path.substr(0, dot);
  const std::string_view key = path.substr(dot + 1);
  const bool in_history = key.starts_with(history);
  const std::string_view leaf = in_history ? key.substr(history.size()) : key;
  if (!is_bare(name) || !(in_history ? is_leaf(keys_of<History>(), leaf) : is_leaf(keys_of<Namespace>(), leaf))) {
    return false;
  }
  auto& namespaces = setting.draft.config.namespaces;
  const Namespace inherited = setting.draft.config.settings_of("default");
  Namespace& settings = namespaces.try_emplace(std::string(name), inherited).first->second;
  return in_history ? read_key(leaf, setting, settings.history) : read_key(leaf, setting, settings);
}

}  // namespace

void refuse_key(Draft& draft, const Source& source, std::string_view header, std::string_view name,
                std::span<const std::string_view> names, std::span<const std::string_view> later) {
  if (contains(later, name)) {
    return draft.add_problem(source, "not supported by this version. Leave it out: it would have no effect.");
  }
  std::string text = concat({"unknown key `", key_text(name), "`, "});
  const std::string home = home_of(name);
  const std::string_view near = nearest(name, names);
  if (!home.empty()) {
    text += concat({"did you mean ", home, "?"});
  } else if (!near.empty()) {
    text += concat({"did you mean `", near, "`?"});
  } else {
    text += concat({header, " has: ", listed(names), "."});
  }
  draft.add_problem(source, text);
}

void read_document(Draft& draft, const std::string& file_name, const Table& document, Pass pass) {
  for (const Member& member : document) {
    const Source source{file_name, key_text(member.key), member.place};
    const auto* table = std::get_if<Table>(&member.value.data);
    if (table != nullptr && member.key == "namespace") read_namespaces(draft, file_name, *table, pass);
    if (pass != Pass::settings) continue;
    if (!contains(tables, member.key)) {
      refuse_root_key(draft, source, member);
    } else if (table == nullptr) {
      Setting{draft, member.key, source, member.value}.refuse(
          concat({"a table: [", member.key, "] and the settings below it"}));
    } else {
      for_each_table(draft.config, [&](std::string_view name, auto& target) {
        if (name == member.key) read_table(draft, source, member.key, *table, target);
      });
    }
  }
}

bool read_setting(Draft& draft, std::string_view id, const Source& source, const Value& value) {
  const Setting setting{draft, std::string(id), source, value};
  constexpr std::string_view in_namespace = "namespace.";
  if (id.starts_with(in_namespace)) return read_namespace_setting(id.substr(in_namespace.size()), setting);
  const std::size_t dot = id.rfind('.');
  if (dot == std::string_view::npos) return false;
  bool read = false;
  for_each_table(draft.config, [&](std::string_view table, auto& target) {
    if (table == id.substr(0, dot)) read = read_key(id.substr(dot + 1), setting, target);
  });
  return read;
}

std::vector<std::string> supported_keys() {
  Config unused;
  std::vector<std::string> out;
  const auto add = [&]<class Target>(std::string_view table, const KeyTable<Target>& keys) {
    for (const Key<Target>& key : keys.keys) {
      if (!key.table) out.push_back(concat({table, ".", key.name}));  // what holds keys of its own comes below
    }
  };
  for_each_table(unused, [&]<class Target>(std::string_view table, Target&) { add(table, keys_of<Target>()); });
  add("tls.host[]", keys_of<TlsHost>());
  add("auth.service_key[]", keys_of<ServiceKey>());
  add("namespace.*", keys_of<Namespace>());
  add("namespace.*.history", keys_of<History>());
  return out;
}

}  // namespace crier::config
