#include "broker/admin/metrics_collector.hpp"

#include <limits>
#include <string>
#include <string_view>

namespace crier::admin {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using runtime::ThreadMetrics;
using Threads = std::vector<const ThreadMetrics*>;

MetricFamily family(std::string name, std::string help, MetricType type) {
  return {std::move(name), std::move(help), type, {}};
}

ClientMetric labelled(std::vector<std::pair<std::string_view, std::string>> labels, double value, MetricType type) {
  ClientMetric metric;
  for (auto& [name, text] : labels) metric.label.push_back({std::string(name), std::move(text)});
  if (type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

template <class Read>
double total(const Threads& threads, Read read) {
  double sum = 0;
  for (const ThreadMetrics* thread : threads) sum += static_cast<double>(read(*thread));
  return sum;
}

template <class Read>
MetricFamily counter(const Threads& threads, std::string name, std::string help, Read read) {
  MetricFamily result = family(std::move(name), std::move(help), MetricType::Counter);
  result.metric.push_back(labelled({}, total(threads, read), MetricType::Counter));
  return result;
}

template <class Read>
MetricFamily gauge(const Threads& threads, std::string name, std::string help, Read read) {
  MetricFamily result = family(std::move(name), std::move(help), MetricType::Gauge);
  result.metric.push_back(labelled({}, total(threads, read), MetricType::Gauge));
  return result;
}

template <class Read>
MetricFamily gauge_by_thread(const Threads& threads, std::string name, std::string help, Read read) {
  MetricFamily result = family(std::move(name), std::move(help), MetricType::Gauge);
  for (std::size_t at = 0; at < threads.size(); ++at) {
    result.metric.push_back(labelled({{"thread", std::to_string(at)}}, read(*threads[at]), MetricType::Gauge));
  }
  return result;
}

// One counter for each label, all of them from the start, so that a rate never begins in the middle.
template <class Read>
MetricFamily counter_by_label(const Threads& threads, std::string name, std::string help, std::string_view label,
                              Read read) {
  MetricFamily result = family(std::move(name), std::move(help), MetricType::Counter);
  const auto& labels = read(*threads.front()).labels();
  for (std::size_t at = 0; at < labels.size(); ++at) {
    const double sum = total(threads, [&](const ThreadMetrics& thread) { return read(thread).value(at); });
    result.metric.push_back(labelled({{label, std::string(labels[at])}}, sum, MetricType::Counter));
  }
  return result;
}

template <class Read>
MetricFamily histogram(const Threads& threads, std::string name, std::string help, Read read) {
  MetricFamily result = family(std::move(name), std::move(help), MetricType::Histogram);
  ClientMetric metric;
  const auto& bounds = read(*threads.front()).bounds();
  std::uint64_t cumulative = 0;
  for (std::size_t at = 0; at <= bounds.size(); ++at) {
    for (const ThreadMetrics* thread : threads) cumulative += read(*thread).bucket(at);
    const double bound = at < bounds.size() ? bounds[at] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({cumulative, bound});
  }
  metric.histogram.sample_count = cumulative;
  for (const ThreadMetrics* thread : threads) metric.histogram.sample_sum += read(*thread).sum();
  result.metric.push_back(std::move(metric));
  return result;
}

MetricFamily commands(const Threads& threads) {
  MetricFamily result =
      family("crier_commands_total",
             "Commands by op and outcome (ok or the error code told). Rising errors: look at what clients send.",
             MetricType::Counter);
  for (std::size_t op = 0; op < runtime::op_labels.size(); ++op) {
    for (std::size_t at = 0; at < runtime::outcome_labels.size(); ++at) {
      const double sum = total(threads, [&](const ThreadMetrics& thread) { return thread.commands[op].value(at); });
      if (sum == 0 && at != 0) continue;  // most pairs never happen
      result.metric.push_back(
          labelled({{"op", std::string(runtime::op_labels[op])}, {"outcome", std::string(runtime::outcome_labels[at])}},
                   sum, MetricType::Counter));
    }
  }
  return result;
}

}  // namespace

std::vector<MetricFamily> MetricsCollector::Collect() const {
  const Threads& t = threads_;
  std::vector<MetricFamily> families;
  const auto add = [&](MetricFamily one) { families.push_back(std::move(one)); };
  add(gauge(t, "crier_connections", "Open connections in every state; near limits.connections_max new ones get 503.",
            [](const ThreadMetrics& m) { return m.connections.value(); }));
  add(gauge(t, "crier_websockets", "Open connections that are WebSockets.",
            [](const ThreadMetrics& m) { return m.websockets.value(); }));
  add(counter(t, "crier_connections_accepted_total",
              "Connections accepted. A jump without traffic: clients reconnect in a loop.",
              [](const ThreadMetrics& m) { return m.accepted.value(); }));
  add(counter_by_label(t, "crier_connections_closed_total",
                       "Connections closed, by the close code's name; http: no WebSocket, refused: a refused request, "
                       "abnormal: no close "
                       "frame. Rising slow_consumer: look for a slow network or client.",
                       "code", [](const ThreadMetrics& m) -> const auto& { return m.closed; }));
  add(counter_by_label(t, "crier_handshakes_refused_total", "Requests and upgrades refused, by reason.", "reason",
                       [](const ThreadMetrics& m) -> const auto& { return m.refused; }));
  add(gauge(t, "crier_subscriptions", "Subscriptions of all connections.",
            [](const ThreadMetrics& m) { return m.subscriptions.value(); }));
  add(gauge(t, "crier_channels", "Channels with subscribers.",
            [](const ThreadMetrics& m) { return m.channels.value(); }));
  add(commands(t));
  add(counter(t, "crier_messages_published_total", "Messages accepted by their channel's home.",
              [](const ThreadMetrics& m) { return m.published.value(); }));
  add(counter(t, "crier_messages_delivered_total", "Copies put into subscribers' outboxes.",
              [](const ThreadMetrics& m) { return m.delivered.value(); }));
  add([&] {
    MetricFamily dropped =
        family("crier_messages_dropped_total",
               "Copies that a subscriber did not get; each is told, by a gap or a close code. Rising slow_consumer: "
               "look for a slow network or client.",
               MetricType::Counter);
    dropped.metric.push_back(labelled({{"reason", "slow_consumer"}},
                                      total(t, [](const ThreadMetrics& m) { return m.dropped_slow_consumer.value(); }),
                                      MetricType::Counter));
    return dropped;
  }());
  add(counter(t, "crier_received_bytes_total", "Bytes read from public sockets, as they came over the wire.",
              [](const ThreadMetrics& m) { return m.bytes_in.value(); }));
  add(counter(t, "crier_sent_bytes_total", "Bytes written to public sockets, as they went over the wire.",
              [](const ThreadMetrics& m) { return m.bytes_out.value(); }));
  add(gauge(t, "crier_outbox_bytes",
            "Bytes that wait for sockets, a shared frame counted once. Growing: some clients read too slowly.",
            [](const ThreadMetrics& m) { return m.outbox_bytes.value(); }));
  add(histogram(t, "crier_flush_bytes", "Bytes of each write to a socket: how well messages coalesce.",
                [](const ThreadMetrics& m) -> const auto& { return m.flush_bytes; }));
  add(histogram(t, "crier_publish_to_write_seconds",
                "From reading a publish to having offered it to its subscribers' sockets.",
                [](const ThreadMetrics& m) -> const auto& { return m.publish_to_write_s; }));
  add(gauge_by_thread(t, "crier_mailbox_depth", "Mails from other threads that the last turn brought.",
                      [](const ThreadMetrics& m) { return static_cast<double>(m.mailbox_depth.value()); }));
  add(gauge_by_thread(t, "crier_requests_waiting",
                      "Publishes and subscriptions held back because another thread is behind.",
                      [](const ThreadMetrics& m) { return static_cast<double>(m.requests_waiting.value()); }));
  add(gauge_by_thread(t, "crier_loop_lag_seconds",
                      "How late the thread's last tick was. Steadily above 0.05: the thread is overloaded.",
                      [](const ThreadMetrics& m) { return static_cast<double>(m.loop_lag_us.value()) / 1e6; }));
  return families;
}

}  // namespace crier::admin
