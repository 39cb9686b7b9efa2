#include "broker/config/keys.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "broker/config/names.hpp"
#include "broker/config/rules.hpp"
#include "broker/config/setting.hpp"

namespace crier::config {
namespace {

template <class Target>
struct Key {
  std::string_view name;
  void (*read)(const Setting& setting, Target& target);
};

constexpr std::int64_t KiB = 1024;
constexpr std::int64_t MiB = 1024 * KiB;
constexpr std::int64_t GiB = 1024 * MiB;
constexpr std::int64_t hour_ms = 3'600'000;

// Shorter and a loaded machine cuts off honest clients; longer and dead peers keep what they hold.
constexpr Range timeout_range{100, 3'600'000, "A loaded machine would cut off honest clients.",
                              "Dead peers would hold their connections that long."};

constexpr auto server_keys = std::to_array<Key<Server>>({
    {"listen", [](const Setting& s, Server& t) { read_texts(s, t.listen, judge_address, 1); }},
    {"admin", [](const Setting& s, Server& t) { (void)read_text(s, t.admin, judge_address); }},
    {"admin_hosts", [](const Setting& s, Server& t) { read_texts(s, t.admin_hosts, judge_host_name); }},
    {"threads",
     [](const Setting& s, Server& t) {
       read_integer(s, t.threads, {0, 256, "0 takes one per core.", "More threads than cores only take turns."});
     }},
    {"paths", [](const Setting& s, Server& t) { read_texts(s, t.paths, judge_path, 1); }},
    {"origins",
     [](const Setting& s, Server& t) {
       std::vector<std::string> origins;
       read_texts(s, origins, judge_origin);
       t.origins = std::move(origins);
     }},
    {"protected_mode", [](const Setting& s, Server& t) { read_flag(s, t.protected_mode); }},
    {"state_dir", [](const Setting& s, Server& t) { (void)read_text(s, t.state_dir, judge_directory); }},
});

constexpr auto limits_keys = std::to_array<Key<Limits>>({
    {"connections_max",
     [](const Setting& s, Limits& t) {
       read_integer(s, t.connections_max,
                    {0, 10'000'000, "0 takes as many as file descriptors allow.", "No process has that many."});
     }},
    {"handshake_timeout", [](const Setting& s, Limits& t) { read_duration(s, t.handshake_timeout, timeout_range); }},
    {"body_timeout", [](const Setting& s, Limits& t) { read_duration(s, t.body_timeout, timeout_range); }},
    {"idle_timeout", [](const Setting& s, Limits& t) { read_duration(s, t.idle_timeout, timeout_range); }},
    {"heartbeat",
     [](const Setting& s, Limits& t) {
       read_duration(s, t.heartbeat,
                     {1'000, 3'600'000, "Pings would outweigh the messages.", "Dead peers would go unnoticed."});
     }},
    {"header_bytes_max",
     [](const Setting& s, Limits& t) {
       read_size(s, t.header_bytes_max,
                 {KiB, MiB, "Ordinary browsers' requests would be refused.",
                  "Each connection could take that much before it is known."});
     }},
    {"incoming_bytes_max",
     [](const Setting& s, Limits& t) {
       read_size(s, t.incoming_bytes_max,
                 {KiB, GiB, "Ordinary commands would be refused.", "One message could fill the memory."});
     }},
    {"channels_per_connection_max",
     [](const Setting& s, Limits& t) {
       read_integer(s, t.channels_per_connection_max,
                    {1, 1'000'000, "Nobody could subscribe.", "One connection could take every channel."});
     }},
    {"outbox_bytes_max",
     [](const Setting& s, Limits& t) {
       read_size(s, t.outbox_bytes_max,
                 {KiB, GiB, "Replies would not fit.", "One slow subscriber could fill the memory."});
     }},
    {"outbox_total_bytes_max",
     [](const Setting& s, Limits& t) {
       read_size(s, t.outbox_total_bytes_max, {KiB, 1024 * GiB, "Replies would not fit.", "No machine has that much."});
     }},
    {"inflight_bytes_max",
     [](const Setting& s, Limits& t) {
       read_size(s, t.inflight_bytes_max,
                 {KiB, GiB, "Publishers would come to a halt.", "One publisher could fill the memory."});
     }},
    {"history_bytes_max",
     [](const Setting& s, Limits& t) {
       read_size(s, t.history_bytes_max,
                 {KiB, 1024 * GiB, "Hardly a message could be kept: history = { messages = 0 } keeps none.",
                  "No machine has that much."});
     }},
    {"channels_max",
     [](const Setting& s, Limits& t) {
       read_integer(s, t.channels_max, {1, 100'000'000, "Nobody could subscribe.", "No machine has memory for them."});
     }},
    {"idempotency_keys_max",
     [](const Setting& s, Limits& t) {
       read_integer(
           s, t.idempotency_keys_max,
           {1, 100'000'000, "No publish with a key would be known again.", "No machine has memory for them."});
     }},
});

constexpr auto compression_keys = std::to_array<Key<Compression>>({
    {"enabled", [](const Setting& s, Compression& t) { read_flag(s, t.enabled); }},
    {"min_bytes",
     [](const Setting& s, Compression& t) {
       read_size(s, t.min_bytes, {0, GiB, "", "Nothing would be compressed: enabled = false says so."});
     }},
    {"level",
     [](const Setting& s, Compression& t) {
       read_integer(s, t.level, {1, 9, "enabled = false switches compression off.", "zlib knows no level above 9."});
     }},
});

constexpr std::array who_words{Word{"anyone"}, Word{"nobody"}, Word{"authenticated", false}, Word{"granted", false}};
constexpr std::array overflow_words{Word{"disconnect"}, Word{"drop_oldest"}, Word{"conflate"}};
constexpr std::array access_words{Word{"subscribers"}, Word{"nobody"}, Word{"granted", false}};
constexpr std::array pattern_words{Word{"subscribers"}, Word{"nobody"}, Word{"anyone"}, Word{"granted", false}};

constexpr auto history_keys = std::to_array<Key<History>>({
    {"messages",
     [](const Setting& s, History& t) {
       read_integer(s, t.messages,
                    {0, 1'000'000, "0 keeps none.", "Nobody could take a replay of that many: a database keeps more."});
     }},
    {"age",
     [](const Setting& s, History& t) {
       read_duration(s, t.age, {0, 8'760 * hour_ms, "", "Memory is no archive: a database keeps longer."});
     }},
});

void read_history(const Setting& setting, History& history);

constexpr auto namespace_keys = std::to_array<Key<Namespace>>({
    {"subscribe", [](const Setting& s, Namespace& t) { read_word(s, t.subscribe, who_words); }},
    {"publish", [](const Setting& s, Namespace& t) { read_word(s, t.publish, who_words); }},
    {"overflow", [](const Setting& s, Namespace& t) { read_word(s, t.overflow, overflow_words); }},
    {"message_bytes_max",
     [](const Setting& s, Namespace& t) {
       read_size(s, t.message_bytes_max,
                 {1, GiB, "Nothing would fit: publish = \"nobody\" says so.", "One message could fill the memory."});
     }},
    {"compression", [](const Setting& s, Namespace& t) { read_flag(s, t.compression); }},
    {"history_access", [](const Setting& s, Namespace& t) { read_word(s, t.history_access, access_words); }},
    {"presence_access", [](const Setting& s, Namespace& t) { read_word(s, t.presence_access, access_words); }},
    {"pattern_access",
     [](const Setting& s, Namespace& t) {
       // Without keys and tokens "anyone", protected mode's word, is whoever may subscribe.
       if (const auto index = word_of(s, pattern_words)) {
         t.pattern_access = pattern_words[*index].text == "nobody" ? Access::nobody : Access::subscribers;
       }
     }},
    {"history", [](const Setting& s, Namespace& t) { read_history(s, t.history); }},
    {"presence", [](const Setting& s, Namespace& t) { read_flag(s, t.presence); }},
    {"presence_watch_max",
     [](const Setting& s, Namespace& t) {
       read_integer(s, t.presence_watch_max,
                    {0, 1'000'000, "0 always counts.", "Each join and leave would go to that many watchers."});
     }},
    {"idempotency_window",
     [](const Setting& s, Namespace& t) {
       read_duration(s, t.idempotency_window,
                     {1'000, 24 * hour_ms, "A retry would come too late, and be published a second time.",
                      "Every key would take up memory that long."});
     }},
});

constexpr std::array engine_words{Word{"memory"}, Word{"nats", false}};

constexpr auto engine_keys = std::to_array<Key<Engine>>({
    {"kind", [](const Setting& s, Engine& t) { read_word(s, t.kind, engine_words); }},
    {"queue_bytes_max",
     [](const Setting& s, Engine& t) {
       read_size(s, t.queue_bytes_max,
                 {KiB, 1024 * GiB, "Publishes would be refused as unavailable.", "No machine has that much."});
     }},
    {"timeout",
     [](const Setting& s, Engine& t) {
       read_duration(s, t.timeout,
                     {100, 600'000, "A loaded machine would answer timeout for messages that it stores.",
                      "Publishers would wait that long for an answer."});
     }},
});

constexpr std::array level_words{Word{"debug"}, Word{"info"}, Word{"warn"}, Word{"error"}};
constexpr std::array format_words{Word{"text"}, Word{"json"}};

constexpr auto log_keys = std::to_array<Key<Log>>({
    {"level", [](const Setting& s, Log& t) { read_word(s, t.level, level_words); }},
    {"format", [](const Setting& s, Log& t) { read_word(s, t.format, format_words); }},
});

// Named by the project's configuration contract, without a meaning yet: told apart from slips, because an operator
// who relies on one must learn that it would do nothing.
constexpr std::array<std::string_view, 4> later_server{"hosts", "trusted_proxies", "proxy_protocol", "drain_timeout"};
constexpr std::array<std::string_view, 3> later_limits{"connections_per_ip_max", "connects_per_second_max",
                                                       "commands_per_second_max"};
constexpr std::array<std::string_view, 1> later_namespace{"rate"};
constexpr std::array<std::string_view, 1> later_engine{"nats"};
constexpr std::array<std::string_view, 2> later_tables{"tls", "auth"};
constexpr std::array<std::string_view, 6> tables{"server", "limits", "compression", "namespace", "engine", "log"};
constexpr std::span<const std::string_view> none_later;

// Calls visit(table, keys, keys of later versions, target's field of the configuration) for each plain table.
template <class Visit>
void for_each_table(Config& config, Visit visit) {
  visit(std::string_view("server"), std::span(server_keys), std::span<const std::string_view>(later_server),
        config.server);
  visit(std::string_view("limits"), std::span(limits_keys), std::span<const std::string_view>(later_limits),
        config.limits);
  visit(std::string_view("compression"), std::span(compression_keys), none_later, config.compression);
  visit(std::string_view("engine"), std::span(engine_keys), std::span<const std::string_view>(later_engine),
        config.engine);
  visit(std::string_view("log"), std::span(log_keys), none_later, config.log);
}

template <class Target, std::size_t Extent>
std::vector<std::string_view> names_of(std::span<const Key<Target>, Extent> keys) {
  std::vector<std::string_view> names;
  for (const auto& key : keys) names.push_back(key.name);
  return names;
}

// "`limits.heartbeat`" for "heartbeat", all of them for "level"; "" when no table has such a key.
std::string home_of(std::string_view name) {
  Config unused;
  std::string homes;
  const auto look_into = [&](std::string_view table, const std::vector<std::string_view>& names) {
    if (std::ranges::count(names, name) == 0) return;
    if (!homes.empty()) homes += " or ";
    homes += concat({"`", table, ".", name, "`"});
  };
  for_each_table(unused, [&](std::string_view table, auto keys, auto, auto&) { look_into(table, names_of(keys)); });
  look_into("namespace.default", names_of(std::span(namespace_keys)));
  look_into("namespace.default.history", names_of(std::span(history_keys)));
  return homes;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::count(names, name) > 0;
}

void refuse_later(Draft& draft, const Source& source) {
  draft.add_problem(source, "not supported by this version. Leave it out: it would have no effect.");
}

// A key that the table does not have: one of a later version, one of another table, or a slip.
void refuse_key(Draft& draft, const Source& source, std::string_view table, std::string_view name,
                std::span<const std::string_view> names, std::span<const std::string_view> later) {
  if (contains(later, name)) return refuse_later(draft, source);
  std::string text = concat({"unknown key `", key_text(name), "`, "});
  const std::string home = home_of(name);
  const std::string_view near = nearest(name, names);
  if (!home.empty()) {
    text += concat({"did you mean ", home, "?"});
  } else if (!near.empty()) {
    text += concat({"did you mean `", near, "`?"});
  } else {
    text += concat({"[", table, "] has: ", listed(names), "."});
  }
  draft.add_problem(source, text);
}

// `id` holds every name whole, where the header, which is to be read, may cut it.
template <class Target, std::size_t Extent>
void read_table(Draft& draft, const Source& header, const std::string& id, const Table& table,
                std::span<const Key<Target>, Extent> keys, std::span<const std::string_view> later, Target& target) {
  for (const Member& member : table) {
    const Source source{header.where, header.key + "." + key_text(member.key), member.place};
    const auto key = std::ranges::find(keys, member.key, &Key<Target>::name);
    if (key == keys.end()) {
      refuse_key(draft, source, header.key, member.key, names_of(keys), later);
      continue;
    }
    key->read(Setting{draft, id + "." + member.key, source, member.value}, target);
  }
}

// `history` stays as it was inherited where the table leaves a key out.
void read_history(const Setting& setting, History& history) {
  if (const auto* table = std::get_if<Table>(&setting.value.data)) {
    return read_table(setting.draft, setting.source, setting.id, *table, std::span(history_keys), none_later, history);
  }
  setting.refuse("a table, as { messages = 100, age = \"2m\" }");
  for (const auto& key : history_keys) setting.draft.mark_faulty(concat({setting.id, ".", key.name}));
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
  read_table(draft, source, "namespace." + member.key, *table, std::span(namespace_keys), later_namespace, settings);
  if (is_bare(member.key)) {
    draft.config.namespaces.insert_or_assign(member.key, settings);
    return;
  }
  draft.add_problem(source,
                    "found " + in_quotes(member.key) +
                        ", expected a name of letters, digits, \"_\" and \"-\". No channel could belong to it.");
}

// `default` first, wherever it stands: the others start from its settings.
void read_namespaces(Draft& draft, const std::string& file_name, const Table& namespaces) {
  for (const bool is_default : {true, false}) {
    for (const Member& member : namespaces) {
      if ((member.key == "default") == is_default) read_namespace(draft, file_name, member);
    }
  }
}

void refuse_root_key(Draft& draft, const Source& source, const Member& member) {
  if (contains(later_tables, member.key)) return refuse_later(draft, source);
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

}  // namespace

void read_document(Draft& draft, const std::string& file_name, const Table& document) {
  for (const Member& member : document) {
    const Source source{file_name, key_text(member.key), member.place};
    if (!contains(tables, member.key)) {
      refuse_root_key(draft, source, member);
      continue;
    }
    const Table* table = table_of(draft, source, member.value, "[" + member.key + "] and the settings below it");
    if (table == nullptr) continue;
    if (member.key == "namespace") read_namespaces(draft, file_name, *table);
    for_each_table(draft.config, [&](std::string_view name, auto keys, auto later, auto& target) {
      if (name == member.key) read_table(draft, source, member.key, *table, keys, later, target);
    });
  }
}

void read_setting(Draft& draft, std::string_view id, const Source& source, const Value& value) {
  const std::size_t dot = id.find('.');
  CRIER_ASSERT(dot != std::string_view::npos);
  bool read = false;
  for_each_table(draft.config, [&](std::string_view table, auto keys, auto, auto& target) {
    for (const auto& key : keys) {
      if (table != id.substr(0, dot) || key.name != id.substr(dot + 1)) continue;
      key.read(Setting{draft, std::string(id), source, value}, target);
      read = true;
    }
  });
  CRIER_ASSERT(read);
}

std::vector<std::string> supported_keys() {
  Config unused;
  std::vector<std::string> out;
  const auto add = [&](std::string_view table, const std::vector<std::string_view>& names) {
    for (const std::string_view name : names) {
      if (name != "history") out.push_back(concat({table, ".", name}));  // a table: its own keys are below
    }
  };
  for_each_table(unused, [&](std::string_view table, auto keys, auto, auto&) { add(table, names_of(keys)); });
  add("namespace.*", names_of(std::span(namespace_keys)));
  add("namespace.*.history", names_of(std::span(history_keys)));
  return out;
}

}  // namespace crier::config
