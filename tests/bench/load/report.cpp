#include "tests/bench/load/report.hpp"

#include <algorithm>

#include "tests/bench/load/json.hpp"

namespace crier::bench {

namespace {

JsonObject describe(const Run& run, const Measurement& measured) {
  const Plan& plan = run.plan;
  JsonObject json;
  json.text("target", run.target.name).text("scenario", run.options.scenario);
  json.integer("subscribers", plan.subscribers()).integer("channels", plan.channels);
  json.integer("publishers", plan.publishers).integer("window", plan.mode == Mode::closed ? plan.window : 0);
  json.number("rate", plan.rate, 1).integer("size", plan.size).number("duration_s", plan.duration, 1);
  json.integer("client_threads", run.options.threads).integer("deflate", run.options.deflate ? 1 : 0);
  json.integer("connected", measured.connected);
  json.integer("connect_failed", static_cast<std::int64_t>(run.connections.size()) - measured.connected);
  json.number("connect_per_s", measured.connect_per_s, 0);
  return json;
}

void add_throughput(JsonObject& json, const Run& run, const Statistics& statistics) {
  const double seconds = run.plan.duration;
  const auto deliveries = static_cast<double>(statistics.deliveries);
  json.count("published", statistics.published);
  json.number("published_per_s", static_cast<double>(statistics.published) / seconds, 0);
  json.count("deliveries", statistics.deliveries);
  json.number("deliveries_per_s", deliveries / seconds, 0);
  json.number("mib_per_s", deliveries * run.plan.size / seconds / (1 << 20), 1);
}

void add_latency(JsonObject& json, const Histogram& latency) {
  JsonObject values;
  values.number("mean", latency.mean_us(), 0);
  values.number("p50", latency.percentile_us(50), 0);
  values.number("p90", latency.percentile_us(90), 0);
  values.number("p99", latency.percentile_us(99), 0);
  values.number("p99_9", latency.percentile_us(99.9), 0);
  values.number("max", latency.max_us(), 0);
  json.raw("latency_us", values.done());
}

void add_faults(JsonObject& json, const Totals& totals) {
  const Statistics& statistics = totals.statistics;
  json.count("lost", totals.lost).count("duplicates", statistics.duplicates);
  json.count("misordered", statistics.misordered).count("misrouted", statistics.misrouted);
  json.count("corrupt", statistics.corrupt).count("stalls", statistics.stalls);
  json.count("http_errors", statistics.http_errors).count("disconnected", statistics.disconnected);
  json.count("lost_by_disconnected", totals.lost_by_disconnected);
}

void add_cost(JsonObject& json, const Measurement& measured, const Statistics& statistics) {
  const double user = measured.at_end.user_s - measured.at_start.user_s;
  const double sys = measured.at_end.sys_s - measured.at_start.sys_s;
  const double cpu = user + sys;
  const double other = measured.machine_busy_s - cpu - measured.client_cpu_s;
  const auto deliveries = static_cast<double>(statistics.deliveries);
  json.number("server_cpu_s", cpu, 2).number("server_user_s", user, 2).number("server_sys_s", sys, 2);
  json.number("server_cpu_us_per_delivery", statistics.deliveries > 0 ? cpu * 1e6 / deliveries : 0, 3);
  json.integer("server_rss_peak_kb", measured.rss_peak_kb);
  json.integer("server_processes", measured.at_end.processes).integer("server_threads", measured.at_end.threads);
  json.number("client_cpu_s", measured.client_cpu_s, 2);
  json.number("client_deliveries_per_read",
              statistics.reads > 0 ? deliveries / static_cast<double>(statistics.reads) : 0, 2);
  json.number("other_cpu_s", std::max(0.0, other), 2).number("steal_s", measured.stolen_s, 2);
}

void add_idle(JsonObject& json, const Run& run, const Measurement& measured) {
  const double subscribers = std::max(1, run.ready.load() - run.plan.publishers);
  const auto bytes_each = [&](std::int64_t before_kb, std::int64_t after_kb) {
    return static_cast<double>(after_kb - before_kb) * 1024 / subscribers;
  };
  const Usage& before = measured.before;
  const Usage& settled = measured.settled;
  json.integer("rss_before_kb", before.rss_kb).integer("rss_after_kb", settled.rss_kb);
  json.number("rss_per_connection_bytes", bytes_each(before.rss_kb, settled.rss_kb), 0);
  json.number("pss_per_connection_bytes", bytes_each(before.pss_kb, settled.pss_kb), 0);
  json.number("connect_cpu_us", (measured.after_connecting.cpu_s() - before.cpu_s()) * 1e6 / subscribers, 1);
  json.count("check_sent", measured.check_sent).count("check_received", measured.check_received);
}

void add_slow(JsonObject& json, const Measurement& measured, const Totals& totals) {
  JsonObject fates;
  for (const auto& [fate, count] : totals.slow_fates) fates.integer(fate, count);
  const std::int64_t before_kb = measured.settled.rss_kb;
  json.raw("slow_fate", fates.done()).count("slow_missing", totals.slow_missing);
  json.count("published_ever", totals.published_ever);
  json.integer("rss_before_kb", before_kb);
  json.integer("rss_growth_kb", std::max(measured.rss_peak_kb, measured.drained.rss_kb) - before_kb);
}

}  // namespace

bool Totals::bad() const {
  return lost > 0 || lost_by_disconnected > 0 || statistics.duplicates > 0 || statistics.misordered > 0 ||
         statistics.misrouted > 0 || statistics.corrupt > 0;
}

Totals totals_of(const Run& run) {
  Totals totals;
  for (const auto& worker : run.workers) totals.statistics.add(worker->statistics());
  for (const auto& connection : run.connections) {
    if (connection->role() != Connection::Role::subscriber) continue;
    if (connection->slow()) {
      totals.slow_missing += connection->missing();
      ++totals.slow_fates[connection->fate()];
    } else if (connection->state() == Connection::State::ready) {
      totals.lost += connection->missing();
    } else {
      totals.lost_by_disconnected += connection->missing();
    }
  }
  for (const auto& publisher : run.publishers) {
    for (const std::uint32_t count : publisher->next_seq) totals.published_ever += count;
  }
  // What the check of an idle run made is no throughput.
  if (run.plan.mode == Mode::quiet) {
    totals.statistics.deliveries = totals.statistics.published = totals.statistics.reads = 0;
  }
  return totals;
}

std::string report(const Run& run, const Measurement& measured, const Totals& totals) {
  JsonObject json = describe(run, measured);
  add_throughput(json, run, totals.statistics);
  add_latency(json, totals.statistics.latency);
  json.text("drain", measured.drain);
  add_faults(json, totals);
  add_cost(json, measured, totals.statistics);
  if (run.plan.mode == Mode::quiet) add_idle(json, run, measured);
  if (run.plan.slow_pct > 0) add_slow(json, measured, totals);
  return json.done();
}

std::string report_error(const Run& run, const Measurement& measured, const char* error) {
  return describe(run, measured).text("error", error).done();
}

}  // namespace crier::bench
