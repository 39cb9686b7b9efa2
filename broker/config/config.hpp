// The configuration, as plain structs with its defaults; units are in the names or types.
// config_loader.hpp fills it; nothing else does. Constant after start-up.
#pragma once

#include <array>
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
  std::vector<std::string> listen = {"127.0.0.1:8008"};  // HOST:PORT, [V6]:PORT, unix:/path
  std::string admin = "127.0.0.1:9008";
  std::vector<std::string> admin_hosts;
  unsigned threads = 0;  // 0: one per core
  std::vector<std::string> paths = {"/message"};
  std::optional<std::vector<std::string>> origins;  // unset: same + local in protected mode, same otherwise
  std::vector<std::string> hosts;                   // public names; none: any host
  std::vector<std::string> trusted_proxies;         // networks, as "10.0.0.0/8"
  bool proxy_protocol = false;                      // version 2, on every public listener: required or refused
  bool protected_mode = true;                       // as asked for: see Config::protects
  bool demo_page = false;                           // outside of protected mode, too, in which it is always there
  bool echo = false;                                // --echo: a WebSocket path /echo that returns every message
  milliseconds drain_timeout{30'000};               // a stop spreads its goodbyes over that at most
  std::string state_dir;  // where history, epochs and idempotency keys outlive a restart; "": nowhere

  friend bool operator==(const Server&, const Server&) = default;
};

struct Limits {
  std::size_t connections_max = 0;          // 0: as many as file descriptors allow
  std::size_t connections_per_ip_max = 0;   // 0: any; an IPv6 address counts with its /64
  std::size_t connects_per_second_max = 0;  // 0: any; as many at once
  milliseconds handshake_timeout{10'000};
  milliseconds body_timeout{10'000};
  milliseconds idle_timeout{75'000};
  milliseconds heartbeat{25'000};
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t incoming_bytes_max = 1024 * 1024;
  std::size_t commands_per_second_max = 0;  // of a connection, twice as many at once; 0: any
  std::size_t channels_per_connection_max = 128;
  std::size_t outbox_bytes_max = 1024 * 1024;
  std::size_t outbox_total_bytes_max = 1024 * 1024 * 1024;
  std::size_t inflight_bytes_max = 1024 * 1024;
  std::size_t history_bytes_max = 256 * 1024 * 1024;  // of all channels, split evenly over the threads
  std::size_t channels_max = 1'000'000;
  std::size_t idempotency_keys_max = 100'000;

  friend bool operator==(const Limits&, const Limits&) = default;
};

struct Compression {
  bool enabled = true;
  std::size_t min_bytes = 256;
  int level = 1;

  friend bool operator==(const Compression&, const Compression&) = default;
};

// A certificate for one name of a client's server_name extension; a leading "*." stands for one label.
struct TlsHost {
  std::string name;
  std::string certificate;  // file: PEM chain
  std::string private_key;  // file: PEM

  friend bool operator==(const TlsHost&, const TlsHost&) = default;
};

struct Tls {
  std::string certificate;  // file: PEM chain; "": no TLS, and `hosts` is empty
  std::string private_key;  // file: PEM
  std::string client_ca;    // file: PEM; "": clients need no certificate
  std::vector<TlsHost> hosts;
  std::size_t handshakes_in_flight_max = 256;

  [[nodiscard]] bool enabled() const noexcept { return !certificate.empty(); }
  friend bool operator==(const Tls&, const Tls&) = default;
};

// RFC 7518 and RFC 8037 have them by these names.
enum class JwtAlgorithm : std::uint8_t { HS256, HS384, HS512, RS256, ES256, EdDSA };

struct Jwt {
  std::vector<JwtAlgorithm> algorithms = {JwtAlgorithm::HS256};
  std::string secret;      // for HS*; "": none
  std::string public_key;  // file: PEM; "": none
  std::string jwks;        // file: RFC 7517; "": none
  std::string issuer;      // "": any
  std::string audience;    // "": any
  bool expiry_required = true;

  [[nodiscard]] bool configured() const noexcept { return !secret.empty() || !public_key.empty() || !jwks.empty(); }
  friend bool operator==(const Jwt&, const Jwt&) = default;
};

struct ServiceKey {
  std::string name;
  std::array<std::uint8_t, 32> sha256{};  // of the key
  // Names and patterns that it is granted.
  std::vector<std::string> publish;
  std::vector<std::string> subscribe;
  std::vector<std::string> presence;
  std::vector<std::string> history;
  bool manage = false;  // channels, disconnect, kick, the administrative listener

  friend bool operator==(const ServiceKey&, const ServiceKey&) = default;
};

struct Auth {
  bool anonymous = true;  // false: without a token nothing but `auth` and `ping`, for auth_timeout
  milliseconds auth_timeout{10'000};
  milliseconds expiry_grace{10'000};  // after a token's exp, to refresh it
  milliseconds leeway{5'000};         // for `nbf` and `exp`: clocks differ
  Jwt jwt;
  std::vector<ServiceKey> service_keys;

  // Can anybody prove who it is?
  [[nodiscard]] bool configured() const noexcept { return jwt.configured() || !service_keys.empty(); }
  friend bool operator==(const Auth&, const Auth&) = default;
};

enum class Overflow : std::uint8_t { disconnect, drop_oldest, conflate };
enum class Who : std::uint8_t { anyone, authenticated, granted, nobody };  // granted: by a token's or a key's patterns
enum class Access : std::uint8_t { subscribers, granted, nobody };  // subscribers: whoever may subscribe to the channel

// What a channel keeps: so many messages at most, none older than that.
struct History {
  std::size_t messages = 100;  // 0: none is kept
  milliseconds age{120'000};

  friend bool operator==(const History&, const History&) = default;
};

// The settings of one namespace, whole: what a table leaves out was taken from `default`.
struct Namespace {
  Who subscribe = Who::anyone;
  Who publish = Who::anyone;  // what is not written is `granted` once keys or tokens exist; pattern_access likewise
  Overflow overflow = Overflow::disconnect;
  std::size_t message_bytes_max = 64 * 1024;  // of `data`
  std::size_t rate = 0;                       // messages per second and channel, twice as many at once; 0: any
  bool compression = true;
  Access history_access = Access::subscribers;  // the `history` command, `since` and `last`
  Access presence_access = Access::subscribers;
  Access pattern_access = Access::subscribers;
  History history;
  bool presence = true;
  std::size_t presence_watch_max = 1000;  // above so many members watchers get counts; 0: always
  milliseconds idempotency_window{120'000};

  friend bool operator==(const Namespace&, const Namespace&) = default;
};

enum class EngineKind : std::uint8_t { memory };

// Where a message gets its position.
struct Engine {
  EngineKind kind = EngineKind::memory;
  std::size_t queue_bytes_max = 64 * 1024 * 1024;  // publishes that wait for the engine; then `unavailable`
  milliseconds timeout{5'000};                     // then `timeout`

  friend bool operator==(const Engine&, const Engine&) = default;
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
  Tls tls;
  Auth auth;
  Limits limits;
  Compression compression;
  std::map<std::string, Namespace, std::less<>> namespaces = {{"default", Namespace{}}};
  Engine engine;
  Log log;

  // Protected mode in force: nobody can prove who it is, so anyone may subscribe and publish, from this machine only.
  [[nodiscard]] bool protects() const noexcept { return server.protected_mode && !auth.configured(); }
  // The settings of a namespace ("": none given); an undeclared one has those of `default`.
  [[nodiscard]] const Namespace& settings_of(std::string_view name) const;

  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace crier::config
