// What `crier top` shows: of two looks at a broker, what is now and what happened between them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clients/cli/top/metrics_text.hpp"

namespace crier::cli {

struct BusyChannel {
  std::string channel;  // printable: anything else was replaced
  double subscribers = 0;
  double published_per_second = 0;
};

// One look.
struct Look {
  std::chrono::steady_clock::time_point at;
  double wall_s = 0;  // Unix time
  Metrics metrics;
  // Busiest first; nullopt: the broker does not tell, and `no_channels` says why.
  std::optional<std::vector<BusyChannel>> channels;
  std::string no_channels = {};
};

// Rates are a second's; those that are not known yet are missing.
using Rate = std::optional<double>;

struct Figures {
  std::string version;
  double uptime_s = 0;
  double connections = 0, websockets = 0, event_streams = 0;
  Rate opened, closed;
  double subscriptions = 0, channels = 0, members = 0;
  Rate published, delivered;
  Rate received_bytes, sent_bytes;
  std::optional<double> p50_s, p90_s, p99_s, p999_s;  // from reading a publish to having written it
  double lagging = 0;
  Rate gaps, dropped, slow_closed;
  double resident_bytes = 0, outbox_bytes = 0, backlog_bytes = 0, history_bytes = 0;
  Rate cpu;  // 1: one core all the time
  double threads = 0, loop_lag_s = 0, descriptors = 0, descriptors_max = 0;
  Rate refused_handshakes, refused_credentials, refused_publishes;
  std::optional<std::vector<BusyChannel>> busiest;
  std::string no_channels;
};

// `before` may be null, or another process's: then there are no rates.
[[nodiscard]] Figures figures_of(const Look* before, const Look& now);

// What `GET /channels` answers; nullopt: something else.
[[nodiscard]] std::optional<std::vector<BusyChannel>> parse_channels(std::string_view body);

}  // namespace crier::cli
