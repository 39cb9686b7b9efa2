#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "clients/cli/top/figures.hpp"
#include "clients/cli/top/metrics_text.hpp"
#include "clients/cli/top/view.hpp"

namespace crier::cli {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// A scrape with so many messages, each of which took between 1 and 2 ms.
std::string scrape(int published, int start = 100) {
  const std::string count = std::to_string(published);
  return "# HELP crier_build_info Always 1; the labels say which build runs.\n"
         "crier_build_info{compiler=\"g++\",version=\"0.1.0\"} 1\n"
         "process_start_time_seconds " +
         std::to_string(start) +
         "\n"
         "crier_connections 3\n"
         "crier_messages_published_total " +
         count +
         "\n"
         "crier_connections_closed_total{code=\"normal\"} 5\n"
         "crier_connections_closed_total{code=\"slow_consumer\"} " +
         count +
         "\n"
         "crier_loop_lag_seconds{thread=\"0\"} 0.001\n"
         "crier_loop_lag_seconds{thread=\"1\"} 0.25\n"
         "crier_publish_to_write_seconds_bucket{le=\"0.001\"} 0\n"
         "crier_publish_to_write_seconds_bucket{le=\"0.002\"} " +
         count +
         "\n"
         "crier_publish_to_write_seconds_bucket{le=\"+Inf\"} " +
         count + "\n";
}

Look look(int published, int seconds, int start = 100) {
  Look out;
  out.at = std::chrono::steady_clock::time_point(std::chrono::seconds(seconds));
  out.wall_s = 1000.0 + seconds;
  out.metrics = Metrics::parse(scrape(published, start)).value();
  return out;
}

TEST(Metrics, Finds_samples_by_family_and_label) {
  const auto metrics = Metrics::parse(scrape(7));
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->sum("crier_connections_closed_total"), 12);
  EXPECT_EQ(metrics->sum("crier_connections_closed_total", "code=\"slow_consumer\""), 7);
  EXPECT_EQ(metrics->sum("crier_nothing"), 0);
  EXPECT_EQ(metrics->max("crier_loop_lag_seconds"), 0.25);
  EXPECT_EQ(metrics->count("crier_loop_lag_seconds"), 2U);
  EXPECT_EQ(metrics->label("crier_build_info", "version"), "0.1.0");
  EXPECT_EQ(metrics->label("crier_build_info", "ersion"), "");
}

TEST(Metrics, Are_refused_where_the_text_is_something_else) {
  for (const char* text : {"", "<html></html>\n", "up 1\n", "crier_build_info{ 1\n", "crier_build_info x\n"}) {
    EXPECT_FALSE(Metrics::parse(text)) << text;
  }
}

TEST(Histogram, Spreads_counts_evenly_between_two_bounds) {
  const Histogram histogram{{{0.001, 0}, {0.002, 100}, {0.004, 200}, {infinity, 200}}};
  EXPECT_DOUBLE_EQ(histogram.quantile(0.25).value(), 0.0015);
  EXPECT_DOUBLE_EQ(histogram.quantile(0.5).value(), 0.002);
  EXPECT_DOUBLE_EQ(histogram.quantile(1).value(), 0.004);
  EXPECT_EQ(Histogram{}.quantile(0.5), std::nullopt);
}

TEST(Histogram, Answers_the_last_bound_for_what_is_beyond_it) {
  const Histogram histogram{{{0.5, 0}, {infinity, 9}}};
  EXPECT_DOUBLE_EQ(histogram.quantile(0.5).value(), 0.5);
}

TEST(Histogram, Counts_what_came_since_and_everything_of_another_process) {
  const Histogram before{{{0.5, 4}, {infinity, 6}}};
  const Histogram now{{{0.5, 5}, {infinity, 9}}};
  EXPECT_EQ(now.since(before).count(), 3);
  EXPECT_EQ(before.since(now).count(), 6);
}

TEST(Figures, Have_rates_only_between_two_looks_at_one_process) {
  const Look before = look(100, 10);
  const Look now = look(600, 20);
  EXPECT_EQ(figures_of(nullptr, now).published, std::nullopt);
  EXPECT_DOUBLE_EQ(figures_of(&before, now).published.value(), 50);
  EXPECT_DOUBLE_EQ(figures_of(&before, now).slow_closed.value(), 50);
  EXPECT_NEAR(figures_of(&before, now).p50_s.value(), 0.0015, 1e-9);
  EXPECT_DOUBLE_EQ(figures_of(&before, now).uptime_s, 920);
  const Look restarted = look(600, 20, 1015);
  EXPECT_EQ(figures_of(&before, restarted).published, std::nullopt);
}

TEST(Figures, Take_channels_and_let_none_of_their_names_move_the_cursor) {
  const auto channels = parse_channels(
      R"({"channels":[{"channel":"news","subscribers":12,"published_per_second":34.5},{"channel":"\u001b[2J"}]})");
  ASSERT_TRUE(channels);
  EXPECT_EQ(channels->at(0).channel, "news");
  EXPECT_EQ(channels->at(0).subscribers, 12);
  EXPECT_EQ(channels->at(1).channel, "?[2J");
  for (const char* text : {"", "[]", "{}", R"({"channels":[7]})", R"({"channels":[{"channel":7}]})"}) {
    EXPECT_FALSE(parse_channels(text)) << text;
  }
}

Figures busy() {
  const Look before = look(0, 10);
  Look now = look(1000, 20);
  now.channels.emplace({BusyChannel{std::string(200, 'n'), 3, 12}, BusyChannel{"chat", 1, 0.5}});
  return figures_of(&before, now);
}

TEST(View, Fits_every_size_of_a_screen) {
  for (const std::size_t width : {1UL, 20UL, 80UL, 250UL}) {
    for (const std::size_t height : {1UL, 2UL, 10UL, 60UL}) {
      const auto lines = screen_of(busy(), {"127.0.0.1:9008", "12:34:56", "a note"}, {width, height, false, true});
      EXPECT_EQ(lines.size(), height);
      for (const std::string& line : lines) EXPECT_LE(line.size(), width);
    }
  }
}

TEST(View, Cuts_long_names_and_keeps_their_figures) {
  const auto lines = screen_of(busy(), {"127.0.0.1:9008", "12:34:56", ""}, {80, 0, false, false});
  ASSERT_GE(lines.size(), 2U);
  const std::string& first = lines[lines.size() - 2];
  EXPECT_EQ(first.size(), 80U);
  EXPECT_TRUE(first.ends_with(" 3            12")) << first;
  EXPECT_TRUE(lines.back().starts_with("chat ")) << lines.back();
  EXPECT_TRUE(lines.back().ends_with("0.50")) << lines.back();
}

TEST(View, Marks_what_wants_a_look) {
  const auto lines = screen_of(busy(), {"127.0.0.1:9008", "12:34:56", ""}, {120, 0, true, false});
  const auto bad = std::ranges::count_if(
      lines, [](const std::string& line) { return line.find("\x1b[1;31m") != std::string::npos; });
  EXPECT_EQ(bad, 2);  // slow consumers that were closed, and the loop's lag
}

TEST(View, Tells_what_is_not_known_as_null) {
  const auto json = nlohmann::json::parse(json_of(figures_of(nullptr, look(5, 1)), {"a:1", "", ""}, 7.5));
  EXPECT_EQ(json["connections"], 3);
  EXPECT_TRUE(json["published_per_second"].is_null());
  EXPECT_TRUE(json["busiest_channels"].is_null());
  EXPECT_EQ(json["time"], 7.5);
}

}  // namespace
}  // namespace crier::cli
