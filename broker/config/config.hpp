// The configuration, as plain structs with its defaults; units are in the names or types.
// config_loader.hpp fills it; nothing else does. Constant after start-up.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crier::config {

using std::chrono::milliseconds;

struct Server {
  std::vector<std::string> listen = {"127.0.0.1:8008"};  // HOST:PORT, [V6]:PORT
  std::string admin = "127.0.0.1:9008";
  std::vector<std::string> admin_hosts;
  unsigned threads = 0;  // 0: one per core
  std::vector<std::string> paths = {"/message"};
  std::optional<std::vector<std::string>> origins;  // unset: same + local in protected mode
  bool protected_mode = true;
  bool echo = false;  // --echo: a WebSocket path /echo that returns every message

  friend bool operator==(const Server&, const Server&) = default;
};

struct Limits {
  std::size_t connections_max = 0;  // 0: as many as file descriptors allow
  milliseconds handshake_timeout{10'000};
  milliseconds body_timeout{10'000};
  milliseconds idle_timeout{75'000};
  milliseconds heartbeat{25'000};
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t incoming_bytes_max = 1024 * 1024;
  std::size_t channels_per_connection_max = 128;
  std::size_t outbox_bytes_max = 1024 * 1024;
  std::size_t outbox_total_bytes_max = 1024 * 1024 * 1024;
  std::size_t inflight_bytes_max = 1024 * 1024;
  std::size_t channels_max = 1'000'000;

  friend bool operator==(const Limits&, const Limits&) = default;
};

struct Compression {
  bool enabled = true;
  std::size_t min_bytes = 256;
  int level = 1;

  friend bool operator==(const Compression&, const Compression&) = default;
};

enum class Overflow : std::uint8_t { disconnect };
enum class Who : std::uint8_t { anyone, nobody };

// The settings of one namespace, whole: what a table leaves out was taken from `default`.
struct Namespace {
  Who subscribe = Who::anyone;
  Who publish = Who::anyone;
  Overflow overflow = Overflow::disconnect;
  std::size_t message_bytes_max = 64 * 1024;  // of `data`
  bool compression = true;

  friend bool operator==(const Namespace&, const Namespace&) = default;
};

enum class LogLevel : std::uint8_t { debug, info, warn, error };
enum class LogFormat : std::uint8_t { text, json };
struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;

  friend bool operator==(const Log&, const Log&) = default;
};

struct Config {
  Server server;
  Limits limits;
  Compression compression;
  std::map<std::string, Namespace, std::less<>> namespaces = {{"default", Namespace{}}};
  Log log;

  // The settings of a namespace ("": none given); an undeclared one has those of `default`.
  [[nodiscard]] const Namespace& settings_of(std::string_view name) const;

  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace crier::config
