// The rules between limits and sizes.
#include "broker/config/check.hpp"

#include <algorithm>

#include "broker/config/draft.hpp"
#include "broker/config/units.hpp"

namespace crier::config {
namespace {

constexpr std::size_t envelope_bytes = 1024;  // `op`, a channel's 255 bytes, position, time, frame head

std::string size_of(std::size_t bytes) {
  return size_text(static_cast<std::int64_t>(bytes));
}

std::string message_size_id(std::string_view name) {
  return id_in(name, "message_bytes_max");
}

bool message_size_meant(const Draft& draft, std::string_view name) {
  return meant(draft, name, "message_bytes_max");
}

void check_heartbeat(Draft& draft) {
  const Limits& limits = draft.config.limits;
  if (any_faulty(draft, {"limits.heartbeat", "limits.idle_timeout"})) return;
  if (limits.heartbeat < limits.idle_timeout) return;
  blame(draft, "limits.heartbeat", duration_text(limits.heartbeat), {"limits.idle_timeout"},
        "less than limits.idle_timeout (" + duration_text(limits.idle_timeout) + ")",
        "Idle subscribers would be closed before their first ping.");
}

void check_message_sizes(Draft& draft) {
  const Config& config = draft.config;
  if (draft.faulty("limits.incoming_bytes_max")) return;
  for (const auto& [name, settings] : config.namespaces) {
    if (!message_size_meant(draft, name)) continue;
    if (settings.message_bytes_max <= config.limits.incoming_bytes_max) continue;
    const std::string id = message_size_id(name);
    // Inherited: said once, for `default`.
    const bool inherited = name != "default" && draft.source_of(id) == nullptr &&
                           settings.message_bytes_max == config.settings_of("default").message_bytes_max;
    if (inherited) continue;
    blame(draft, id, size_of(settings.message_bytes_max), {"limits.incoming_bytes_max"},
          "at most limits.incoming_bytes_max (" + size_of(config.limits.incoming_bytes_max) + ")",
          "Messages between the two would end the connection that publishes them.");
  }
}

using NamespaceEntry = std::map<std::string, Namespace, std::less<>>::value_type;

// The namespace with the largest messages; `default` before those that only inherited as much. Null: none is known.
const NamespaceEntry* largest_messages(const Draft& draft) {
  const NamespaceEntry* largest = nullptr;
  for (const auto& entry : draft.config.namespaces) {
    if (!message_size_meant(draft, entry.first)) continue;
    const std::size_t bytes = entry.second.message_bytes_max;
    const std::size_t most = largest != nullptr ? largest->second.message_bytes_max : 0;
    if (bytes > most || (bytes == most && entry.first == "default")) largest = &entry;
  }
  return largest;
}

// Queues of bytes must hold the largest message that may come.
void check_queues(Draft& draft) {
  const NamespaceEntry* largest = largest_messages(draft);
  if (largest == nullptr) return;
  const auto& [name, settings] = *largest;
  const std::string id = message_size_id(name);
  const std::size_t bytes_min = settings.message_bytes_max + envelope_bytes;
  const std::string expected = "at least " + size_of(bytes_min) + ": " + id + " (" +
                               size_of(settings.message_bytes_max) + ") and " + size_of(envelope_bytes) + " around it";
  const auto require = [&](std::string_view queue, std::size_t bytes, std::string_view consequence) {
    if (draft.faulty(queue) || bytes >= bytes_min) return;
    blame(draft, queue, size_of(bytes), {id}, expected, consequence);
  };
  require("limits.outbox_bytes_max", draft.config.limits.outbox_bytes_max,
          "A single largest message would disconnect every subscriber.");
  require("limits.inflight_bytes_max", draft.config.limits.inflight_bytes_max,
          "A publisher of one largest message would wait for ever.");
  require("engine.queue_bytes_max", draft.config.engine.queue_bytes_max,
          "A largest message would always be refused as unavailable.");
}

void check_outbox_total(Draft& draft) {
  const Limits& limits = draft.config.limits;
  if (any_faulty(draft, {"limits.outbox_bytes_max", "limits.outbox_total_bytes_max"})) return;
  if (limits.outbox_total_bytes_max >= limits.outbox_bytes_max) return;
  blame(draft, "limits.outbox_total_bytes_max", size_of(limits.outbox_total_bytes_max), {"limits.outbox_bytes_max"},
        "at least limits.outbox_bytes_max (" + size_of(limits.outbox_bytes_max) + ")",
        "One slow subscriber could use up what all share.");
}

bool keeps_what_has_no_life(const History& history) {
  return history.messages > 0 && history.age == milliseconds(0);
}

void check_histories(Draft& draft) {
  const Config& config = draft.config;
  const bool default_is_wrong = keeps_what_has_no_life(config.settings_of("default").history);
  for (const auto& [name, settings] : config.namespaces) {
    if (!meant(draft, name, "history.messages") || !meant(draft, name, "history.age")) continue;
    if (!keeps_what_has_no_life(settings.history)) continue;
    const std::string age = id_in(name, "history.age");
    // Inherited: said once, for `default`.
    if (name != "default" && default_is_wrong && draft.source_of(age) == nullptr) continue;
    const std::string messages = id_in(name, "history.messages");
    blame(draft, age, duration_text(settings.history.age), {messages},
          "a life for the messages that " + messages + " (" + std::to_string(settings.history.messages) + ") keeps",
          "Each would be forgotten at once: messages = 0 keeps none.");
  }
}

}  // namespace

std::string item(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

std::string id_in(std::string_view name, std::string_view key) {
  return "namespace." + std::string(name) + "." + std::string(key);
}

bool meant(const Draft& draft, std::string_view name, std::string_view key) {
  const std::string id = id_in(name, key);
  if (draft.faulty(id)) return false;
  return draft.source_of(id) != nullptr || !draft.faulty(id_in("default", key));
}

bool any_faulty(const Draft& draft, Ids ids) {
  return std::ranges::any_of(ids, [&](std::string_view id) { return draft.faulty(id); });
}

void blame(Draft& draft, std::string_view id, std::string found, Ids others, std::string_view expected,
           std::string_view consequence) {
  Source source;
  if (const Source* own = draft.source_of(id)) {
    source = *own;
  } else {
    for (const std::string_view other : others) {
      const Source* written = draft.source_of(other);
      if (written == nullptr) continue;
      source = *written;
      found += " (the default)";
      break;
    }
    source.key = id;
  }
  draft.add_problem(source, "found " + found + ", expected " + std::string(expected) + ". " + std::string(consequence));
}

void check_draft(Draft& draft) {
  check_server(draft);
  check_tls(draft);
  check_auth(draft);
  check_heartbeat(draft);
  check_message_sizes(draft);
  check_queues(draft);
  check_outbox_total(draft);
  check_histories(draft);
}

}  // namespace crier::config
