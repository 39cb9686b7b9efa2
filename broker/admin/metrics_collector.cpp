#include "broker/admin/metrics_collector.hpp"

#include <limits>
#include <string>
#include <string_view>

#include "broker/net/worker.hpp"

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

MetricFamily dropped(const Threads& threads) {
  MetricFamily result =
      family("crier_messages_dropped_total",
             "Copies that a subscriber did not get; each is told, by a gap or a close code. slow_consumer: with its "
             "connection; gap: the history or the backlog no longer had them; conflated: newer ones stood for them. "
             "Rising: look for a slow network or client.",
             MetricType::Counter);
  const auto add = [&](std::string reason, double value) {
    result.metric.push_back(labelled({{"reason", std::move(reason)}}, value, MetricType::Counter));
  };
  add("slow_consumer", total(threads, [](const ThreadMetrics& m) { return m.dropped_slow_consumer.value(); }));
  add("gap", total(threads, [](const ThreadMetrics& m) { return m.lost.value() - m.conflated.value(); }));
  add("conflated", total(threads, [](const ThreadMetrics& m) { return m.conflated.value(); }));
  return result;
}

MetricFamily recoveries(const Threads& threads) {
  MetricFamily result = family("crier_recoveries_total",
                               "Subscriptions with `since`. Many with recovered=\"false\": clients stay away longer "
                               "than the namespace's history reaches.",
                               MetricType::Counter);
  result.metric.push_back(labelled({{"recovered", "true"}},
                                   total(threads, [](const ThreadMetrics& m) { return m.recovered.value(); }),
                                   MetricType::Counter));
  result.metric.push_back(labelled({{"recovered", "false"}},
                                   total(threads, [](const ThreadMetrics& m) { return m.not_recovered.value(); }),
                                   MetricType::Counter));
  return result;
}

using Families = std::vector<MetricFamily>;

void add_connections(Families& families, const Threads& t) {
  families.push_back(gauge(t, "crier_connections",
                           "Open connections in every state; near limits.connections_max new ones get 503.",
                           [](const ThreadMetrics& m) { return m.connections.value(); }));
  families.push_back(gauge(t, "crier_websockets", "Open connections that are WebSockets.",
                           [](const ThreadMetrics& m) { return m.websockets.value(); }));
  families.push_back(gauge(t, "crier_event_streams", "Open connections that carry server-sent events.",
                           [](const ThreadMetrics& m) { return m.event_streams.value(); }));
  families.push_back(counter(t, "crier_connections_accepted_total",
                             "Connections accepted. A jump without traffic: clients reconnect in a loop.",
                             [](const ThreadMetrics& m) { return m.accepted.value(); }));
  families.push_back(
      counter_by_label(t, "crier_connections_closed_total",
                       "Connections closed, by the close code's name; http: no WebSocket, refused: a refused request, "
                       "abnormal: no close "
                       "frame. Rising slow_consumer: look for a slow network or client.",
                       "code", [](const ThreadMetrics& m) -> const auto& { return m.closed; }));
  families.push_back(
      counter_by_label(t, "crier_handshakes_refused_total",
                       "Connections, requests and upgrades refused, by reason. capacity, connections_per_ip, "
                       "connects_per_second: over that limit. timeout: over limits.handshake_timeout "
                       "or limits.body_timeout.",
                       "reason", [](const ThreadMetrics& m) -> const auto& { return m.refused; }));
  families.push_back(counter(t, "crier_heartbeats_total",
                             "Pings and comments on connections that were quiet for limits.heartbeat.",
                             [](const ThreadMetrics& m) { return m.heartbeats.value(); }));
  families.push_back(counter(t, "crier_reads_paused_total",
                             "How often a connection was not read any further for a while: its publishes are still on "
                             "their way (limits.inflight_bytes_max), or it does not read our answers.",
                             [](const ThreadMetrics& m) { return m.reads_paused.value(); }));
}

void add_trust(Families& families, const Threads& t) {
  families.push_back(counter(t, "crier_credentials_accepted_total",
                             "Tokens and service keys that were accepted, at handshakes, posts and `auth`.",
                             [](const ThreadMetrics& m) { return m.credentials_accepted.value(); }));
  families.push_back(counter_by_label(
      t, "crier_credentials_refused_total",
      "Tokens and service keys that were refused, by reason. Many `signature` or `unknown_key`: the issuer signs with "
      "another key than [auth.jwt] has, or somebody is trying.",
      "reason", [](const ThreadMetrics& m) -> const auto& { return m.credentials_refused; }));
  families.push_back(counter(t, "crier_subscriptions_revoked_total",
                             "Subscriptions ended because the right to them was taken away, or by `kick`.",
                             [](const ThreadMetrics& m) { return m.subscriptions_revoked.value(); }));
  families.push_back(gauge(t, "crier_connections_unauthenticated",
                           "Connections that have to present a token within auth.auth_timeout.",
                           [](const ThreadMetrics& m) { return m.anonymous_waiting.value(); }));
  families.push_back(counter(t, "crier_tls_handshakes_total", "TLS handshakes that were completed.",
                             [](const ThreadMetrics& m) { return m.tls_handshakes.value(); }));
  families.push_back(counter(t, "crier_tls_resumed_total", "TLS handshakes that resumed a session: the cheap ones.",
                             [](const ThreadMetrics& m) { return m.tls_resumed.value(); }));
  families.push_back(counter_by_label(t, "crier_tls_handshakes_failed_total",
                                      "TLS handshakes that failed, by reason. plain_http: somebody calls http:// on a "
                                      "TLS port.",
                                      "reason", [](const ThreadMetrics& m) -> const auto& { return m.tls_faults; }));
  families.push_back(gauge(t, "crier_tls_handshakes_in_flight",
                           "TLS handshakes that have begun; the bound is tls.handshakes_in_flight_max.",
                           [](const ThreadMetrics& m) { return m.tls_in_flight.value(); }));
  families.push_back(gauge(t, "crier_tls_handshakes_waiting",
                           "Connections whose turn for a TLS handshake has not come. Lasting: a storm of connects.",
                           [](const ThreadMetrics& m) { return m.tls_waiting.value(); }));
}

void add_messages(Families& families, const Threads& t) {
  families.push_back(gauge(t, "crier_subscriptions", "Subscriptions of all connections.",
                           [](const ThreadMetrics& m) { return m.subscriptions.value(); }));
  families.push_back(gauge(t, "crier_channels", "Channels with subscribers.",
                           [](const ThreadMetrics& m) { return m.channels.value(); }));
  families.push_back(commands(t));
  families.push_back(counter(t, "crier_messages_published_total", "Messages accepted by their channel's home.",
                             [](const ThreadMetrics& m) { return m.published.value(); }));
  families.push_back(counter(t, "crier_messages_delivered_total", "Copies put into subscribers' outboxes.",
                             [](const ThreadMetrics& m) { return m.delivered.value(); }));
  families.push_back(dropped(t));
}

void add_delivery(Families& families, const Threads& t) {
  families.push_back(gauge(t, "crier_history_bytes",
                           "Bytes of all channels' histories; the bound is limits.history_bytes_max.",
                           [](const ThreadMetrics& m) { return m.history_bytes.value(); }));
  families.push_back(counter(t, "crier_history_evicted_total",
                             "Messages that left a history before their time, for want of bytes. Rising: raise "
                             "limits.history_bytes_max, or keep less in the namespaces.",
                             [](const ThreadMetrics& m) { return m.history_evicted.value(); }));
  families.push_back(recoveries(t));
  families.push_back(counter(t, "crier_history_fetches_total", "Pieces of histories that subscribers caught up with.",
                             [](const ThreadMetrics& m) { return m.fetches.value(); }));
  families.push_back(gauge(t, "crier_lagging_subscriptions",
                           "Subscriptions that read too slowly, or replay, and catch up piece by piece.",
                           [](const ThreadMetrics& m) { return m.lagging.value(); }));
  families.push_back(counter(t, "crier_lags_total", "How often a subscription began to lag.",
                             [](const ThreadMetrics& m) { return m.lags.value(); }));
  families.push_back(gauge(t, "crier_backlog_bytes",
                           "Bytes kept for lagging subscriptions of channels without history.",
                           [](const ThreadMetrics& m) { return m.backlog_bytes.value(); }));
  families.push_back(counter(t, "crier_gaps_total", "Gaps told to subscribers.",
                             [](const ThreadMetrics& m) { return m.gaps.value(); }));
}

void add_homes(Families& families, const Threads& t) {
  families.push_back(gauge(t, "crier_members", "Sessions that are present in channels.",
                           [](const ThreadMetrics& m) { return m.members.value(); }));
  families.push_back(gauge(t, "crier_idempotency_keys",
                           "Publish keys that are remembered; at limits.idempotency_keys_max further ones are refused.",
                           [](const ThreadMetrics& m) { return m.idempotency_keys.value(); }));
  families.push_back(counter(t, "crier_publishes_duplicate_total",
                             "Publishes for which an earlier one of the same key stands.",
                             [](const ThreadMetrics& m) { return m.duplicates.value(); }));
  families.push_back(counter(t, "crier_publishes_refused_total",
                             "Publishes that the engine or a limit refused. Rising: look at what the error told.",
                             [](const ThreadMetrics& m) { return m.publishes_refused.value(); }));
  families.push_back(gauge(t, "crier_engine_pending_bytes",
                           "Publishes that wait for the engine; the bound is engine.queue_bytes_max.",
                           [](const ThreadMetrics& m) { return m.engine_pending_bytes.value(); }));
  families.push_back(counter(t, "crier_engine_timeouts_total",
                             "Publishes that the engine did not answer within engine.timeout.",
                             [](const ThreadMetrics& m) { return m.engine_timeouts.value(); }));
  families.push_back(counter(t, "crier_engine_recovery_failures_total",
                             "Histories that the engine could not give; each is asked for again.",
                             [](const ThreadMetrics& m) { return m.engine_recovery_failures.value(); }));
}

void add_loops(Families& families, const Threads& t) {
  families.push_back(counter(t, "crier_received_bytes_total",
                             "Bytes read from public sockets, as they came over the wire.",
                             [](const ThreadMetrics& m) { return m.bytes_in.value(); }));
  families.push_back(counter(t, "crier_sent_bytes_total",
                             "Bytes written to public sockets, as they went over the wire.",
                             [](const ThreadMetrics& m) { return m.bytes_out.value(); }));
  families.push_back(
      gauge(t, "crier_outbox_bytes",
            "Bytes that wait for sockets, a shared frame counted once. Growing: some clients read too slowly.",
            [](const ThreadMetrics& m) { return m.outbox_bytes.value(); }));
  families.push_back(histogram(t, "crier_flush_bytes", "Bytes of each write to a socket: how well messages coalesce.",
                               [](const ThreadMetrics& m) -> const auto& { return m.flush_bytes; }));
  families.push_back(histogram(t, "crier_publish_to_write_seconds",
                               "From reading a publish to having offered it to its subscribers' sockets.",
                               [](const ThreadMetrics& m) -> const auto& { return m.publish_to_write_s; }));
  families.push_back(
      gauge_by_thread(t, "crier_mailbox_depth", "Mails from other threads that the last turn brought.",
                      [](const ThreadMetrics& m) { return static_cast<double>(m.mailbox_depth.value()); }));
  families.push_back(gauge_by_thread(
      t, "crier_requests_waiting", "Publishes and subscriptions held back because another thread is behind.",
      [](const ThreadMetrics& m) { return static_cast<double>(m.requests_waiting.value()); }));
  families.push_back(
      gauge_by_thread(t, "crier_loop_lag_seconds",
                      "How late the thread's last tick was. Steadily above 0.05: the thread is overloaded.",
                      [](const ThreadMetrics& m) { return static_cast<double>(m.loop_lag_us.value()) / 1e6; }));
  families.push_back(
      gauge_by_thread(t, "crier_engine_ready", "1 while the thread's engine takes messages; 0: not ready.",
                      [](const ThreadMetrics& m) { return static_cast<double>(m.engine_ready.value()); }));
  families.push_back(gauge_by_thread(
      t, "crier_self_probe_age_seconds",
      "How long ago a message of our own last came back through this thread and the next one; one goes out every "
      "second. Above 5: /readyz says no.",
      [now_ms = net::steady_ns() / 1'000'000](const ThreadMetrics& m) {
        const std::int64_t returned_ms = m.probe_returned_ms.load(std::memory_order_relaxed);
        return returned_ms == 0 ? 0 : static_cast<double>(now_ms - returned_ms) / 1e3;
      }));
}

}  // namespace

Families MetricsCollector::Collect() const {
  Families families;
  add_connections(families, threads_);
  add_trust(families, threads_);
  add_messages(families, threads_);
  add_delivery(families, threads_);
  add_homes(families, threads_);
  add_loops(families, threads_);
  return families;
}

}  // namespace crier::admin
