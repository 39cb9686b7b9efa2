#include "clients/cli/top/view.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "clients/cli/text.hpp"

namespace crier::cli {

namespace {

constexpr std::size_t label_columns = 15;
constexpr std::size_t figure_columns = 16;

std::uint64_t whole(double number) {
  return static_cast<std::uint64_t>(std::round(bounded(number)));
}

std::string count_text(double number) {
  return grouped(whole(number));
}

std::string rate_text(const Rate& rate) {
  return rate ? short_number(*rate) + "/s" : "-";
}

std::string byte_rate_text(const Rate& rate) {
  return rate ? bytes_text(*rate) + "/s" : "-";
}

std::string time_text(const std::optional<double>& seconds) {
  return seconds ? latency_text(*seconds) : "-";
}

// Label, then figures in columns.
class Rows {
 public:
  explicit Rows(const Layout& layout) : layout_(layout) {}

  Rows& row(std::string_view label) {
    lines_.emplace_back(layout_.colour).add(label, Style::faint);
    column_ = label_columns;
    return *this;
  }
  Rows& figure(std::string_view name, const std::string& value, bool bad = false) {
    Line& line = lines_.back();
    line.pad_to(column_);
    if (!name.empty()) line.add(name, Style::faint).add(" ", Style::plain);
    line.add(value, bad ? Style::bad : Style::strong);
    // Who is wider than a column takes the next one too.
    column_ += figure_columns;
    while (column_ < line.width() + 2) column_ += figure_columns / 2;
    return *this;
  }
  Rows& rate(std::string_view name, const Rate& rate, bool bad = false) {
    return figure(name, rate_text(rate), bad && rate.value_or(0) > 0);
  }
  [[nodiscard]] std::vector<Line>& lines() { return lines_; }

 private:
  const Layout& layout_;
  std::vector<Line> lines_;
  std::size_t column_ = 0;
};

void add_figures(Rows& rows, const Figures& f) {
  rows.row("connections").figure("", count_text(f.connections));
  rows.figure("websockets", count_text(f.websockets)).figure("streams", count_text(f.event_streams));
  rows.row("").rate("opened", f.opened).rate("closed", f.closed);
  rows.row("subscriptions").figure("", count_text(f.subscriptions));
  rows.figure("channels", count_text(f.channels)).figure("members", count_text(f.members));
  rows.row("messages").rate("in", f.published).rate("out", f.delivered);
  rows.row("bytes").figure("in", byte_rate_text(f.received_bytes)).figure("out", byte_rate_text(f.sent_bytes));
  rows.row("latency").figure("p50", time_text(f.p50_s)).figure("p90", time_text(f.p90_s));
  rows.figure("p99", time_text(f.p99_s)).figure("p99.9", time_text(f.p999_s));
  rows.row("slow readers").figure("lagging", count_text(f.lagging), f.lagging > 0);
  rows.rate("gaps", f.gaps, true).rate("dropped", f.dropped, true).rate("closed", f.slow_closed, true);
  rows.row("memory").figure("resident", bytes_text(f.resident_bytes)).figure("history", bytes_text(f.history_bytes));
  rows.row("").figure("outboxes", bytes_text(f.outbox_bytes)).figure("backlog", bytes_text(f.backlog_bytes));
  rows.row("process").figure("cpu", f.cpu ? std::to_string(std::lround(bounded(*f.cpu * 100))) + " %" : "-");
  rows.figure("threads", count_text(f.threads));
  rows.figure("loop lag", latency_text(f.loop_lag_s), f.loop_lag_s > 0.05);
  rows.row("").figure("descriptors", count_text(f.descriptors) + " of " + count_text(f.descriptors_max),
                      f.descriptors > 0.9 * f.descriptors_max);
  rows.row("refused").rate("handshakes", f.refused_handshakes).rate("credentials", f.refused_credentials);
  rows.rate("publishes", f.refused_publishes, true);
}

// The name has what the figures leave.
void add_channels(std::vector<Line>& lines, const Figures& figures, const Layout& layout) {
  lines.emplace_back(layout.colour);
  if (!figures.busiest) {
    lines.emplace_back(layout.colour).add(figures.no_channels, Style::faint);
    return;
  }
  constexpr std::size_t column = 14;
  const std::size_t name = std::max<std::size_t>(layout.width, 2 * column + 20) - 2 * column;
  Line& heading = lines.emplace_back(layout.colour);
  heading.add("BUSIEST CHANNELS", Style::inverse).pad_to(name);
  heading.right_to(name + column, "SUBSCRIBERS", Style::inverse);
  heading.right_to(name + 2 * column, "PUBLISHED/S", Style::inverse);
  for (const BusyChannel& channel : *figures.busiest) {
    Line& line = lines.emplace_back(layout.colour);
    line.add(std::string_view(channel.channel).substr(0, name - 1)).pad_to(name);
    line.right_to(name + column, count_text(channel.subscribers));
    line.right_to(name + 2 * column, short_number(channel.published_per_second), Style::strong);
  }
  if (figures.busiest->empty()) lines.emplace_back(layout.colour).add("none", Style::faint);
}

nlohmann::json value_or_null(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

std::vector<std::string> screen_of(const Figures& figures, const Frame& frame, const Layout& layout) {
  std::vector<Line> lines;
  Line& title = lines.emplace_back(layout.colour);
  title.add("crier " + figures.version, Style::strong).add("  " + frame.admin + "  up " + span_text(figures.uptime_s));
  title.right_to(std::max(layout.width, title.width() + frame.clock.size() + 2), frame.clock, Style::faint);
  Line& second = lines.emplace_back(layout.colour);
  if (!frame.note.empty()) second.add(frame.note, Style::bad);
  Rows rows(layout);
  add_figures(rows, figures);
  for (Line& line : rows.lines()) lines.push_back(std::move(line));
  add_channels(lines, figures, layout);
  if (layout.height > 0 && layout.keys) {
    lines.resize(std::min(lines.size(), layout.height - 1), Line(layout.colour));
    while (lines.size() + 1 < layout.height) lines.emplace_back(layout.colour);
    lines.emplace_back(layout.colour).add("q quits", Style::faint);
  }
  std::vector<std::string> out;
  for (const Line& line : lines) {
    if (layout.height > 0 && out.size() == layout.height) break;
    out.push_back(line.text(layout.width));
  }
  return out;
}

std::string json_of(const Figures& f, const Frame& frame, double wall_s) {
  nlohmann::ordered_json out = {
      {"time", wall_s},
      {"admin", frame.admin},
      {"version", f.version},
      {"uptime_seconds", f.uptime_s},
      {"connections", whole(f.connections)},
      {"websockets", whole(f.websockets)},
      {"event_streams", whole(f.event_streams)},
      {"opened_per_second", value_or_null(f.opened)},
      {"closed_per_second", value_or_null(f.closed)},
      {"subscriptions", whole(f.subscriptions)},
      {"channels", whole(f.channels)},
      {"members", whole(f.members)},
      {"published_per_second", value_or_null(f.published)},
      {"delivered_per_second", value_or_null(f.delivered)},
      {"received_bytes_per_second", value_or_null(f.received_bytes)},
      {"sent_bytes_per_second", value_or_null(f.sent_bytes)},
      {"publish_to_write_seconds",
       {{"p50", value_or_null(f.p50_s)},
        {"p90", value_or_null(f.p90_s)},
        {"p99", value_or_null(f.p99_s)},
        {"p99.9", value_or_null(f.p999_s)}}},
      {"lagging_subscriptions", whole(f.lagging)},
      {"gaps_per_second", value_or_null(f.gaps)},
      {"dropped_per_second", value_or_null(f.dropped)},
      {"slow_consumers_closed_per_second", value_or_null(f.slow_closed)},
      {"resident_bytes", whole(f.resident_bytes)},
      {"outbox_bytes", whole(f.outbox_bytes)},
      {"backlog_bytes", whole(f.backlog_bytes)},
      {"history_bytes", whole(f.history_bytes)},
      {"cpu_cores", value_or_null(f.cpu)},
      {"threads", whole(f.threads)},
      {"loop_lag_seconds", f.loop_lag_s},
      {"open_fds", whole(f.descriptors)},
      {"max_fds", whole(f.descriptors_max)},
      {"handshakes_refused_per_second", value_or_null(f.refused_handshakes)},
      {"credentials_refused_per_second", value_or_null(f.refused_credentials)},
      {"publishes_refused_per_second", value_or_null(f.refused_publishes)},
  };
  if (!f.busiest) {
    out["busiest_channels"] = nullptr;
    return out.dump();
  }
  out["busiest_channels"] = nlohmann::ordered_json::array();
  for (const BusyChannel& channel : *f.busiest) {
    out["busiest_channels"].push_back({{"channel", channel.channel},
                                       {"subscribers", whole(channel.subscribers)},
                                       {"published_per_second", channel.published_per_second}});
  }
  return out.dump();
}

}  // namespace crier::cli
