#include "clients/cli/top/figures.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "clients/cli/text.hpp"

namespace crier::cli {

namespace {

double number_in(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

class Difference {
 public:
  Difference(const Look* before, const Look& now) : now_(now) {
    constexpr std::string_view start = "process_start_time_seconds";
    if (before == nullptr || before->metrics.sum(start) != now.metrics.sum(start)) return;
    seconds_ = std::chrono::duration<double>(now.at - before->at).count();
    if (seconds_ > 0) before_ = before;
  }

  [[nodiscard]] Rate rate(std::string_view family, std::string_view label = "") const {
    if (before_ == nullptr) return std::nullopt;
    return std::max(0.0, now_.metrics.sum(family, label) - before_->metrics.sum(family, label)) / seconds_;
  }
  [[nodiscard]] Histogram histogram(std::string_view family) const {
    return before_ == nullptr ? now_.metrics.histogram(family)
                              : now_.metrics.histogram(family).since(before_->metrics.histogram(family));
  }

 private:
  const Look& now_;
  const Look* before_ = nullptr;
  double seconds_ = 0;
};

void add_latency(Figures& out, const Difference& since) {
  const Histogram latency = since.histogram("crier_publish_to_write_seconds");
  out.p50_s = latency.quantile(0.5);
  out.p90_s = latency.quantile(0.9);
  out.p99_s = latency.quantile(0.99);
  out.p999_s = latency.quantile(0.999);
}

void add_rates(Figures& out, const Difference& since) {
  out.opened = since.rate("crier_connections_accepted_total");
  out.closed = since.rate("crier_connections_closed_total");
  out.published = since.rate("crier_messages_published_total");
  out.delivered = since.rate("crier_messages_delivered_total");
  out.received_bytes = since.rate("crier_received_bytes_total");
  out.sent_bytes = since.rate("crier_sent_bytes_total");
  out.gaps = since.rate("crier_gaps_total");
  out.dropped = since.rate("crier_messages_dropped_total");
  out.slow_closed = since.rate("crier_connections_closed_total", "code=\"slow_consumer\"");
  out.cpu = since.rate("process_cpu_seconds_total");
  out.refused_handshakes = since.rate("crier_handshakes_refused_total");
  out.refused_credentials = since.rate("crier_credentials_refused_total");
  out.refused_publishes = since.rate("crier_publishes_refused_total");
}

}  // namespace

Figures figures_of(const Look* before, const Look& now) {
  const Metrics& metrics = now.metrics;
  Figures out;
  out.version = ascii_only(metrics.label("crier_build_info", "version"));
  out.uptime_s = std::max(0.0, now.wall_s - metrics.sum("process_start_time_seconds"));
  out.connections = metrics.sum("crier_connections");
  out.websockets = metrics.sum("crier_websockets");
  out.event_streams = metrics.sum("crier_event_streams");
  out.subscriptions = metrics.sum("crier_subscriptions");
  out.channels = metrics.sum("crier_channels");
  out.members = metrics.sum("crier_members");
  out.lagging = metrics.sum("crier_lagging_subscriptions");
  out.resident_bytes = metrics.sum("process_resident_memory_bytes");
  out.outbox_bytes = metrics.sum("crier_outbox_bytes");
  out.backlog_bytes = metrics.sum("crier_backlog_bytes");
  out.history_bytes = metrics.sum("crier_history_bytes");
  out.threads = static_cast<double>(metrics.count("crier_loop_lag_seconds"));
  out.loop_lag_s = metrics.max("crier_loop_lag_seconds");
  out.descriptors = metrics.sum("process_open_fds");
  out.descriptors_max = metrics.sum("process_max_fds");
  const Difference since(before, now);
  add_rates(out, since);
  add_latency(out, since);
  out.busiest = now.channels;
  out.no_channels = ascii_only(now.no_channels);
  return out;
}

std::optional<std::vector<BusyChannel>> parse_channels(std::string_view body) {
  const auto answer = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object() || !answer.contains("channels") || !answer["channels"].is_array()) return std::nullopt;
  std::vector<BusyChannel> out;
  for (const auto& entry : answer["channels"]) {
    if (!entry.is_object() || !entry.contains("channel") || !entry["channel"].is_string()) return std::nullopt;
    out.push_back({ascii_only(entry["channel"].get<std::string>()), number_in(entry, "subscribers"),
                   number_in(entry, "published_per_second")});
  }
  return out;
}

}  // namespace crier::cli
