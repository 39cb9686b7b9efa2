// What the files keys_*.cpp describe: the keys of each table, and how a table is read by them.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/config/draft.hpp"
#include "broker/config/exchange.hpp"
#include "broker/config/names.hpp"

namespace crier::config {

// A key of a table, and the field of the table's struct that it stands for. One function reads the field and spells
// it, so that the two cannot drift.
template <class Target>
struct Key {
  std::string_view name;
  void (*exchange)(const Exchange& exchange, Target& target);
  bool table = false;  // holds keys of its own, or tables
};

template <class Target>
struct KeyTable {
  std::span<const Key<Target>> keys;
  // Named by the project's configuration contract, without a meaning yet: told apart from slips, because an operator
  // who relies on one must learn that it would do nothing.
  std::span<const std::string_view> later;
};

template <class Target>
[[nodiscard]] KeyTable<Target> keys_of();
template <>
KeyTable<Server> keys_of<Server>();
template <>
KeyTable<Tls> keys_of<Tls>();
template <>
KeyTable<TlsHost> keys_of<TlsHost>();
template <>
KeyTable<Auth> keys_of<Auth>();
template <>
KeyTable<Jwt> keys_of<Jwt>();
template <>
KeyTable<ServiceKey> keys_of<ServiceKey>();
template <>
KeyTable<Limits> keys_of<Limits>();
template <>
KeyTable<Compression> keys_of<Compression>();
template <>
KeyTable<Namespace> keys_of<Namespace>();
template <>
KeyTable<History> keys_of<History>();
template <>
KeyTable<Engine> keys_of<Engine>();
template <>
KeyTable<Log> keys_of<Log>();

template <class Target>
std::vector<std::string_view> names_of(const KeyTable<Target>& table) {
  std::vector<std::string_view> names;
  for (const Key<Target>& key : table.keys) names.push_back(key.name);
  return names;
}

// Calls visit(table's name, field of the configuration) for each table whose name stands in brackets, but for the
// namespaces'.
template <class Visit>
void for_each_table(Config& config, Visit visit) {
  visit(std::string_view("server"), config.server);
  visit(std::string_view("tls"), config.tls);
  visit(std::string_view("auth"), config.auth);
  visit(std::string_view("auth.jwt"), config.auth.jwt);
  visit(std::string_view("limits"), config.limits);
  visit(std::string_view("compression"), config.compression);
  visit(std::string_view("engine"), config.engine);
  visit(std::string_view("log"), config.log);
}

// A key that the table does not have: one of a later version, one of another table, or a slip. `header` is the table
// as it is written, "[server]".
void refuse_key(Draft& draft, const Source& source, std::string_view header, std::string_view name,
                std::span<const std::string_view> names, std::span<const std::string_view> later);

// `id` holds every name whole, where the header's key, which is to be read, may cut it.
template <class Target>
void read_table(Draft& draft, const Source& header, const std::string& id, const Table& table, Target& target) {
  const KeyTable<Target> known = keys_of<Target>();
  for (const Member& member : table) {
    const Source source{header.where, header.key + "." + key_text(member.key), member.place};
    const auto key = std::ranges::find(known.keys, member.key, &Key<Target>::name);
    if (key == known.keys.end()) {
      refuse_key(draft, source, "[" + header.key + "]", member.key, names_of(known), known.later);
      continue;
    }
    const Setting setting{draft, id + "." + member.key, source, member.value};
    key->exchange(Exchange(setting), target);
  }
}

// The value of `setting` is a table: its keys go to `target`. `example` shows one.
template <class Target>
void read_subtable(const Setting& setting, Target& target, std::string_view example) {
  if (const auto* table = std::get_if<Table>(&setting.value.data)) {
    return read_table(setting.draft, setting.source, setting.id, *table, target);
  }
  setting.refuse(concat({"a table, as ", example}));
  for (const auto& key : keys_of<Target>().keys) setting.draft.mark_faulty(concat({setting.id, ".", key.name}));
}

// The value of `setting` is an array of tables: each becomes an item, whose table must have the keys `required`.
template <class Target>
void read_subtables(const Setting& setting, std::vector<Target>& targets, std::span<const std::string_view> required) {
  const std::string header = concat({"[[", setting.id, "]]"});
  const auto* items = std::get_if<Array>(&setting.value.data);
  if (items == nullptr) return setting.refuse(concat({"tables below ", header, ", with two brackets"}));
  targets.clear();
  setting.accept();
  for (std::size_t i = 0; i < items->size(); ++i) {
    const Value& item = (*items)[i];
    const std::string id = concat({setting.id, "[", std::to_string(targets.size()), "]"});
    const Source source{setting.source.where, concat({setting.source.key, "[", std::to_string(i), "]"}), item.place};
    const auto* table = std::get_if<Table>(&item.data);
    if (table == nullptr) {
      Setting{setting.draft, id, source, item}.refuse(concat({"a table below ", header}));
      setting.draft.mark_faulty(setting.id);
      continue;
    }
    setting.draft.set_from(id, source);
    read_table(setting.draft, source, id, *table, targets.emplace_back());
    for (const std::string_view name : required) {
      if (std::ranges::count(*table, name, &Member::key) > 0) continue;
      setting.draft.add_problem(source, concat({"expected the key `", name, "`: ", header, " has no use without it."}));
      setting.draft.mark_faulty(concat({id, ".", name}));
    }
  }
}

}  // namespace crier::config
