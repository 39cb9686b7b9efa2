// [namespace.NAME] and its history.
#include "broker/config/key_table.hpp"

namespace crier::config {
namespace {

constexpr std::int64_t GiB = 1024 * 1024 * 1024;
constexpr std::int64_t hour_ms = 3'600'000;

// In the order of Who, Overflow and Access.
constexpr std::array who_words{Word{"anyone"}, Word{"authenticated"}, Word{"granted"}, Word{"nobody"}};
constexpr std::array overflow_words{Word{"disconnect"}, Word{"drop_oldest"}, Word{"conflate"}};
constexpr std::array access_words{Word{"subscribers"}, Word{"granted"}, Word{"nobody"}};
constexpr std::array pattern_words{Word{"subscribers"}, Word{"granted"}, Word{"nobody"}, Word{"anyone"}};

// Without keys and tokens "anyone", protected mode's word, is whoever may subscribe.
void exchange_pattern_access(const Exchange& exchange, Access& field) {
  if (!exchange.reads()) return exchange_word(exchange, field, access_words);
  const auto index = word_of(exchange.setting(), pattern_words);
  if (index) field = *index < access_words.size() ? static_cast<Access>(*index) : Access::subscribers;
}

constexpr auto history_keys = std::to_array<Key<History>>({
    {"messages",
     [](const Exchange& x, History& t) {
       exchange_integer(
           x, t.messages,
           {0, 1'000'000, "0 keeps none.", "Nobody could take a replay of that many: a database keeps more."});
     }},
    {"age",
     [](const Exchange& x, History& t) {
       exchange_duration(x, t.age, {0, 8'760 * hour_ms, "", "Memory is no archive: a database keeps longer."});
     }},
});

constexpr auto namespace_keys = std::to_array<Key<Namespace>>({
    {"subscribe", [](const Exchange& x, Namespace& t) { exchange_word(x, t.subscribe, who_words); }},
    {"publish", [](const Exchange& x, Namespace& t) { exchange_word(x, t.publish, who_words); }},
    {"overflow", [](const Exchange& x, Namespace& t) { exchange_word(x, t.overflow, overflow_words); }},
    {"message_bytes_max",
     [](const Exchange& x, Namespace& t) {
       exchange_size(
           x, t.message_bytes_max,
           {1, GiB, "Nothing would fit: publish = \"nobody\" says so.", "One message could fill the memory."});
     }},
    {"rate",
     [](const Exchange& x, Namespace& t) {
       exchange_integer(x, t.rate,
                        {0, 1'000'000, "0 sets no limit.", "No channel carries that many: 0 sets no limit."});
     }},
    {"compression", [](const Exchange& x, Namespace& t) { exchange_flag(x, t.compression); }},
    {"history_access", [](const Exchange& x, Namespace& t) { exchange_word(x, t.history_access, access_words); }},
    {"presence_access", [](const Exchange& x, Namespace& t) { exchange_word(x, t.presence_access, access_words); }},
    {"pattern_access", [](const Exchange& x, Namespace& t) { exchange_pattern_access(x, t.pattern_access); }},
    {"history",
     [](const Exchange& x, Namespace& t) {
       // What the table leaves out stays as it was inherited.
       read_subtable(x.setting(), t.history, "{ messages = 100, age = \"2m\" }");
     },
     true},
    {"presence", [](const Exchange& x, Namespace& t) { exchange_flag(x, t.presence); }},
    {"presence_watch_max",
     [](const Exchange& x, Namespace& t) {
       exchange_integer(x, t.presence_watch_max,
                        {0, 1'000'000, "0 always counts.", "Each join and leave would go to that many watchers."});
     }},
    {"idempotency_window",
     [](const Exchange& x, Namespace& t) {
       exchange_duration(x, t.idempotency_window,
                         {1'000, 24 * hour_ms, "A retry would come too late, and be published a second time.",
                          "Every key would take up memory that long."});
     }},
});

}  // namespace

template <>
KeyTable<Namespace> keys_of<Namespace>() {
  return {namespace_keys, {}};
}
template <>
KeyTable<History> keys_of<History>() {
  return {history_keys, {}};
}

}  // namespace crier::config
