#include "tests/bench/storm/report.hpp"

#include <algorithm>
#include <cstdint>

#include "tests/bench/load/json.hpp"
#include "tests/bench/load/text.hpp"
#include "tests/bench/storm/subscriber.hpp"

namespace crier::storm {

namespace {

using bench::JsonObject;

std::string milliseconds(const bench::Histogram& histogram) {
  JsonObject json;
  for (const int percent : {50, 99}) {
    json.number(bench::formatted("p%d", percent), histogram.percentile_us(percent) / 1e3, 2);
  }
  return json.number("max", histogram.max_us() / 1e3, 2).done();
}

// From the first step in which something happened.
void add_curve(JsonObject& json, const std::string& name, const Curve& curve) {
  const auto& counts = curve.counts();
  const auto first = std::find_if(counts.begin(), counts.end(), [](std::uint32_t count) { return count > 0; });
  std::string list;
  for (auto at = first; at != counts.end(); ++at) list += (list.empty() ? "" : ",") + std::to_string(*at);
  json.number(name + "_from_s", static_cast<double>((first - counts.begin()) * Curve::step_ns) / 1e9, 1);
  json.raw(name + "_per_100ms", '[' + list + ']');
}

std::string cost(const Cost& cost) {
  return JsonObject()
      .number("seconds", cost.seconds, 3)
      .number("server_cpu_s", cost.server_cpu_s, 2)
      .number("client_cpu_s", cost.client_cpu_s, 2)
      .number("other_cpu_s", cost.other_cpu_s, 2)
      .done();
}

void add_counters(JsonObject& json, const Counters& counters) {
  json.count("received", counters.received)
      .count("replayed", counters.replayed)
      .count("recovered", counters.recovered)
      .count("acknowledged", counters.acknowledged)
      .count("repeated", counters.repeated)
      .count("publishes_refused", counters.publishes_refused)
      .count("subscribes_refused", counters.subscribes_refused)
      .count("connects", counters.connects)
      .count("tls_resumed", counters.tls_resumed)
      .count("connects_refused", counters.connects_refused)
      .count("connects_failed", counters.connects_failed)
      .count("upgrades_refused", counters.upgrades_refused)
      .count("closed_1012", counters.closed_1012)
      .count("closed_otherwise", counters.closed_otherwise)
      .count("drains", counters.drains)
      .count("unsubscribed", counters.unsubscribed);
}

void add_faults(JsonObject& json, const Run& run) {
  json.count("lost", lost(run))
      .count("twice", run.counters.twice)
      .count("misordered", run.counters.misordered)
      .count("misrouted", run.counters.misrouted)
      .count("unrecovered", run.counters.unrecovered)
      .count("gaps", run.counters.gaps);
}

void add_storm(JsonObject& json, const Run& run, const Measured& measured) {
  json.number("window_s", run.options.window, 1)
      .number("drop_s", static_cast<double>(run.all_dropped_at - run.dropped_at) / 1e9, 3)
      .number("recovered_s", measured.during.seconds, 3)
      .raw("latency_before_ms", milliseconds(run.latency.before))
      .raw("latency_during_ms", milliseconds(run.latency.during))
      .raw("latency_after_ms", milliseconds(run.latency.after))
      .raw("cost_before", cost(measured.before))
      .raw("cost_during", cost(measured.during))
      .raw("cost_after", cost(measured.after));
}

}  // namespace

std::uint64_t lost(const Run& run) {
  std::uint64_t count = 0;
  for (const auto& subscriber : run.subscribers) count += subscriber->missing();
  return count;
}

bool is_bad(const Run& run) {
  const Counters& counters = run.counters;
  return lost(run) + counters.twice + counters.misordered + counters.misrouted + counters.unrecovered > 0;
}

std::string report(const Run& run, const Measured& measured) {
  const Options& options = run.options;
  const bool is_storm = options.mode == Mode::storm;
  JsonObject json;
  json.text("mode", is_storm ? "storm" : "restart")
      .text("transport", options.tls_resume ? "tls-resume"
                         : options.tls      ? "tls"
                                            : "plain")
      .integer("connections", options.connections)
      .integer("stayers", options.stayers)
      .integer("channels", options.channels)
      .number("rate", options.rate, 0)
      .integer("size", options.size)
      .number("connect_s", measured.connect_s, 3);
  if (is_storm) {
    add_storm(json, run, measured);
  } else {
    json.raw("cost", cost(measured.during));
  }
  json.raw("delay_ms", milliseconds(run.delay))
      .raw("away_ms", milliseconds(run.away))
      .raw("coming_back_ms", milliseconds(run.coming_back))
      .raw("acknowledgement_ms", milliseconds(run.acknowledgement))
      .integer("server_rss_before_kb", measured.rss_before_kb)
      .integer("server_rss_peak_kb", measured.rss_peak_kb);
  add_curve(json, "connects", run.connects);
  add_curve(json, "recoveries", run.recoveries);
  add_counters(json, run.counters);
  add_faults(json, run);
  return json.text("settled", measured.settled ? "yes" : "no").done();
}

}  // namespace crier::storm
