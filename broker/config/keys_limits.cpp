// [limits], [compression], [engine] and [log].
#include "broker/config/key_table.hpp"

namespace crier::config {
namespace {

constexpr std::int64_t KiB = 1024;
constexpr std::int64_t MiB = 1024 * KiB;
constexpr std::int64_t GiB = 1024 * MiB;

constexpr Range total_bytes{KiB, 1024 * GiB, "Replies would not fit.", "No machine has that much."};
constexpr Range channels{1, 100'000'000, "Nobody could subscribe.", "No machine has memory for them."};

// Shorter and a loaded machine cuts off honest clients; longer and dead peers keep what they hold.
constexpr Range timeouts{100, 3'600'000, "A loaded machine would cut off honest clients.",
                         "Dead peers would hold their connections that long."};

constexpr auto limits_keys = std::to_array<Key<Limits>>({
    {"connections_max",
     [](const Exchange& x, Limits& t) {
       exchange_integer(x, t.connections_max,
                        {0, 10'000'000, "0 takes as many as file descriptors allow.", "No process has that many."});
     }},
    {"connections_per_ip_max",
     [](const Exchange& x, Limits& t) {
       exchange_integer(x, t.connections_per_ip_max,
                        {0, 10'000'000, "0 sets no limit.", "No process has that many: 0 sets no limit."});
     }},
    {"connects_per_second_max",
     [](const Exchange& x, Limits& t) {
       exchange_integer(x, t.connects_per_second_max,
                        {0, 1'000'000, "0 sets no limit.", "No machine accepts that many: 0 sets no limit."});
     }},
    {"handshake_timeout", [](const Exchange& x, Limits& t) { exchange_duration(x, t.handshake_timeout, timeouts); }},
    {"body_timeout", [](const Exchange& x, Limits& t) { exchange_duration(x, t.body_timeout, timeouts); }},
    {"idle_timeout", [](const Exchange& x, Limits& t) { exchange_duration(x, t.idle_timeout, timeouts); }},
    {"heartbeat",
     [](const Exchange& x, Limits& t) {
       exchange_duration(x, t.heartbeat,
                         {1'000, 3'600'000, "Pings would outweigh the messages.", "Dead peers would go unnoticed."});
     }},
    {"header_bytes_max",
     [](const Exchange& x, Limits& t) {
       exchange_size(x, t.header_bytes_max,
                     {KiB, MiB, "Ordinary browsers' requests would be refused.",
                      "Each connection could take that much before it is known."});
     }},
    {"incoming_bytes_max",
     [](const Exchange& x, Limits& t) {
       exchange_size(x, t.incoming_bytes_max,
                     {KiB, GiB, "Ordinary commands would be refused.", "One message could fill the memory."});
     }},
    {"commands_per_second_max",
     [](const Exchange& x, Limits& t) {
       exchange_integer(x, t.commands_per_second_max,
                        {0, 1'000'000, "0 sets no limit.", "No connection brings that many: 0 sets no limit."});
     }},
    {"channels_per_connection_max",
     [](const Exchange& x, Limits& t) {
       exchange_integer(x, t.channels_per_connection_max,
                        {1, 1'000'000, "Nobody could subscribe.", "One connection could take every channel."});
     }},
    {"outbox_bytes_max",
     [](const Exchange& x, Limits& t) {
       exchange_size(x, t.outbox_bytes_max,
                     {KiB, GiB, "Replies would not fit.", "One slow subscriber could fill the memory."});
     }},
    {"outbox_total_bytes_max",
     [](const Exchange& x, Limits& t) { exchange_size(x, t.outbox_total_bytes_max, total_bytes); }},
    {"inflight_bytes_max",
     [](const Exchange& x, Limits& t) {
       exchange_size(x, t.inflight_bytes_max,
                     {KiB, GiB, "Publishers would come to a halt.", "One publisher could fill the memory."});
     }},
    {"history_bytes_max",
     [](const Exchange& x, Limits& t) {
       exchange_size(x, t.history_bytes_max,
                     {KiB, 1024 * GiB, "Hardly a message could be kept: history = { messages = 0 } keeps none.",
                      "No machine has that much."});
     }},
    {"channels_max", [](const Exchange& x, Limits& t) { exchange_integer(x, t.channels_max, channels); }},
    {"idempotency_keys_max",
     [](const Exchange& x, Limits& t) {
       exchange_integer(
           x, t.idempotency_keys_max,
           {1, 100'000'000, "No publish with a key would be known again.", "No machine has memory for them."});
     }},
});

constexpr auto compression_keys = std::to_array<Key<Compression>>({
    {"enabled", [](const Exchange& x, Compression& t) { exchange_flag(x, t.enabled); }},
    {"min_bytes",
     [](const Exchange& x, Compression& t) {
       exchange_size(x, t.min_bytes, {0, GiB, "", "Nothing would be compressed: enabled = false says so."});
     }},
    {"level",
     [](const Exchange& x, Compression& t) {
       exchange_integer(x, t.level,
                        {1, 9, "enabled = false switches compression off.", "zlib knows no level above 9."});
     }},
});

constexpr std::array engine_words{Word{"memory"}, Word{"nats", false}};

constexpr auto engine_keys = std::to_array<Key<Engine>>({
    {"kind", [](const Exchange& x, Engine& t) { exchange_word(x, t.kind, engine_words); }},
    {"queue_bytes_max",
     [](const Exchange& x, Engine& t) {
       exchange_size(x, t.queue_bytes_max,
                     {KiB, 1024 * GiB, "Publishes would be refused as unavailable.", "No machine has that much."});
     }},
    {"timeout",
     [](const Exchange& x, Engine& t) {
       exchange_duration(x, t.timeout,
                         {100, 600'000, "A loaded machine would answer timeout for messages that it stores.",
                          "Publishers would wait that long for an answer."});
     }},
});

constexpr std::array level_words{Word{"debug"}, Word{"info"}, Word{"warn"}, Word{"error"}};
constexpr std::array format_words{Word{"text"}, Word{"json"}};

constexpr auto log_keys = std::to_array<Key<Log>>({
    {"level", [](const Exchange& x, Log& t) { exchange_word(x, t.level, level_words); }},
    {"format", [](const Exchange& x, Log& t) { exchange_word(x, t.format, format_words); }},
});

constexpr std::array<std::string_view, 1> engine_later{"nats"};

}  // namespace

template <>
KeyTable<Limits> keys_of<Limits>() {
  return {limits_keys, {}};
}
template <>
KeyTable<Compression> keys_of<Compression>() {
  return {compression_keys, {}};
}
template <>
KeyTable<Engine> keys_of<Engine>() {
  return {engine_keys, engine_later};
}
template <>
KeyTable<Log> keys_of<Log>() {
  return {log_keys, {}};
}

}  // namespace crier::config
