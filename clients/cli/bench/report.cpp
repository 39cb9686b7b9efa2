#include "clients/cli/bench/report.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "broker/config/units.hpp"
#include "clients/cli/bench/text.hpp"
#include "clients/cli/text.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr double MiB = 1024.0 * 1024.0;
// Of its threads' time: from here on the client is what limits.
constexpr double busy_share = 0.9;

double a_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

double mean_size(const Options& options) {
  double sum = 0;
  for (const std::size_t bytes : options.sizes) sum += static_cast<double>(bytes);
  return sum / static_cast<double>(options.sizes.size());
}

double us_a_delivery(const Measurement& measured) {
  if (measured.totals.deliveries == 0) return 0;
  return measured.client_cpu_s * 1e6 / static_cast<double>(measured.totals.deliveries);
}

double deliveries_a_read(const Measurement& measured) {
  const Totals& totals = measured.totals;
  return totals.reads == 0 ? 0 : static_cast<double>(totals.deliveries) / static_cast<double>(totals.reads);
}

std::string row(std::string_view name, const std::string& what) {
  std::string line = "  " + std::string(name);
  line.resize(15, ' ');
  return line + what + "\n";
}

std::string what_was_done(const Options& options, const Measurement& measured) {
  std::string sizes;
  for (const std::size_t bytes : options.sizes) {
    sizes += (sizes.empty() ? "" : ", ") + config::size_text(static_cast<std::int64_t>(bytes));
  }
  const std::string pace = options.closed_loop() ? "closed loop with " + grouped(options.in_flight) + " in flight"
                                                 : decimal(options.rate, options.rate < 10 ? 2 : 0) + " messages/s";
  return counted(options.subscribers, "subscriber") + ", " + counted(options.publishers, "publisher") + ", " +
         counted(options.channels, "channel") + ", " + sizes + ", " + pace + ", " + decimal(measured.window_s, 1) +
         " s after " + config::duration_text(options.warm_up) + " of warm-up";
}

std::string percentiles(const Latencies& latencies) {
  std::string text;
  for (const auto& [name, percent] :
       {std::pair{"p50 ", 50.0}, {"  p90 ", 90.0}, {"  p99 ", 99.0}, {"  p99.9 ", 99.9}}) {
    text += name + time_of(latencies.percentile_ns(percent));
  }
  return text + "  max " + time_of(latencies.max_ns());
}

std::string latency_rows(const Options& options, const Totals& totals) {
  std::string rows;
  if (totals.latency.count() > 0) {
    rows += row("latency",
                percentiles(totals.latency) + (options.closed_loop() ? "  (follows from throughput; see --rate)" : ""));
  }
  if (totals.ack_latency.count() > 0) rows += row("acknowledged", percentiles(totals.ack_latency));
  return rows;
}

std::string check_row(const Measurement& measured) {
  const Totals& totals = measured.totals;
  if (measured.lost + measured.lost_by_gone == 0 && !totals.wrong()) {
    const std::uint64_t all = totals.deliveries_ever;
    return row("checked", all == 0 ? "nothing was to be delivered"
                                   : "all " + grouped(all) + " deliveries came once, whole and in order");
  }
  std::string text = "lost " + grouped(measured.lost) + ", twice " + grouped(totals.duplicates) + ", out of order " +
                     grouped(totals.misordered) + ", wrong channel " + grouped(totals.misrouted) + ", damaged " +
                     grouped(totals.corrupt);
  if (measured.lost_by_gone > 0) {
    text += "; " + grouped(measured.lost_by_gone) + " lost with connections that ended";
  }
  return row("WRONG", text);
}

// What else there is to know, where there is.
std::string remark_rows(const Options& options, const Measurement& measured) {
  const Totals& totals = measured.totals;
  std::string rows;
  if (totals.gaps > 0) {
    rows += row("gaps", "the broker told of " + counted(totals.gaps, "gap") + " with " + grouped(totals.lost_in_gaps) +
                            " messages: subscribers were behind, and their "
                            "namespace keeps too little to catch up");
  }
  if (totals.refused > 0) rows += row("refused", counted(totals.refused, "publish") + (totals.refused > 1 ? "es" : ""));
  if (totals.stalls > 0) {
    rows += row("stalled", counted(totals.stalls, "message") + " did not reach everybody within 5 s");
  }
  const std::uint32_t gone = measured.subscribers_gone + measured.publishers_gone;
  if (gone > 0) rows += row("ended", counted(gone, "connection") + " during the run");
  if (totals.drains > 0) rows += row("drain", "the broker said that it will end");
  if (totals.behind_ns > 100'000'000) {
    rows += row("behind", "messages went out up to " + time_of(totals.behind_ns) + " late; the latencies contain that");
  }
  const double share = measured.window_s > 0 ? measured.client_cpu_s / (measured.window_s * options.threads) : 0;
  if (share >= busy_share) {
    rows += row("limit", "this client was busy " + decimal(100 * share, 0) +
                             " % of the time: it is the limit; try more --threads");
  }
  return rows;
}

nlohmann::ordered_json json_of_latencies(const Latencies& latencies) {
  const auto us = [](double ns) { return std::llround(ns / 1e3); };
  nlohmann::ordered_json json;
  json["count"] = latencies.count();
  json["mean"] = us(latencies.mean_ns());
  for (const auto& [name, percent] : {std::pair{"p50", 50.0}, {"p90", 90.0}, {"p99", 99.0}, {"p99_9", 99.9}}) {
    json[name] = us(static_cast<double>(latencies.percentile_ns(percent)));
  }
  json["max"] = us(static_cast<double>(latencies.max_ns()));
  return json;
}

double rounded(double number, double steps) {
  return std::round(number * steps) / steps;
}

void add_plan(nlohmann::ordered_json& json, const Run& run) {
  const Options& options = run.options;
  json["url"] = run.target.url.text();
  json["subscribers"] = options.subscribers;
  json["publishers"] = options.publishers;
  json["channels"] = options.channels;
  json["sizes"] = options.sizes;
  if (options.closed_loop()) {
    json["in_flight"] = options.in_flight;
  } else {
    json["rate"] = options.rate;
  }
  json["acks"] = options.acks;
  json["threads"] = options.threads;
}

}  // namespace

std::string table_of(const Run& run, const Measurement& measured) {
  const Options& options = run.options;
  const Totals& totals = measured.totals;
  const double delivered = a_second(totals.deliveries, measured.window_s);
  std::string text = run.target.url.text() + ": " + what_was_done(options, measured) + "\n";
  text += row("connected", grouped(measured.ready) + " in " + decimal(measured.connect_s, 2) + " s");
  text += row("published", grouped(static_cast<std::uint64_t>(a_second(totals.published, measured.window_s))) + "/s (" +
                               grouped(totals.published) + ")");
  text += row("delivered", grouped(static_cast<std::uint64_t>(delivered)) + "/s (" + grouped(totals.deliveries) +
                               "), " + decimal(delivered * mean_size(options) / MiB, 1) + " MiB/s of data");
  text += latency_rows(options, totals);
  text += check_row(measured);
  text += row("client CPU", decimal(measured.client_cpu_s, 2) + " s, " + decimal(us_a_delivery(measured), 2) +
                                " us a delivery, " + decimal(deliveries_a_read(measured), 1) + " deliveries a read");
  return text + remark_rows(options, measured);
}

std::string json_of(const Run& run, const Measurement& measured) {
  const Totals& totals = measured.totals;
  const double delivered = a_second(totals.deliveries, measured.window_s);
  nlohmann::ordered_json json;
  add_plan(json, run);
  json["connected"] = measured.ready;
  json["connect_s"] = rounded(measured.connect_s, 1e3);
  json["duration_s"] = rounded(measured.window_s, 1e3);
  json["published"] = totals.published;
  json["published_per_s"] = rounded(a_second(totals.published, measured.window_s), 1);
  json["deliveries"] = totals.deliveries;
  json["deliveries_per_s"] = rounded(delivered, 1);
  json["mib_per_s"] = rounded(delivered * mean_size(run.options) / MiB, 10);
  json["latency_us"] = json_of_latencies(totals.latency);
  if (run.options.acks) json["ack_latency_us"] = json_of_latencies(totals.ack_latency);
  json["drain"] = measured.drain;
  json["lost"] = measured.lost;
  json["duplicates"] = totals.duplicates;
  json["misordered"] = totals.misordered;
  json["misrouted"] = totals.misrouted;
  json["corrupt"] = totals.corrupt;
  json["gaps"] = totals.gaps;
  json["lost_in_gaps"] = totals.lost_in_gaps;
  json["refused"] = totals.refused;
  json["stalls"] = totals.stalls;
  json["disconnected"] = measured.subscribers_gone + measured.publishers_gone;
  json["lost_by_disconnected"] = measured.lost_by_gone;
  json["unsent"] = measured.unsent;
  json["behind_us"] = totals.behind_ns / 1000;
  json["client_cpu_s"] = rounded(measured.client_cpu_s, 1e3);
  json["client_cpu_us_per_delivery"] = rounded(us_a_delivery(measured), 1e4);
  json["client_deliveries_per_read"] = rounded(deliveries_a_read(measured), 1e2);
  json["failures"] = run.failures.texts();
  json["exit_code"] = measured.exit_code(run.failures);
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace crier::cli::benchmark
