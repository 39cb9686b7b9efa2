#include "clients/cli/bench/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace crier::cli::benchmark {
namespace {

TEST(Histogram, Knows_nothing_when_it_is_empty) {
  const Latencies latencies = Histogram().read();
  EXPECT_EQ(latencies.count(), 0U);
  EXPECT_EQ(latencies.percentile_ns(50), 0U);
  EXPECT_EQ(latencies.percentile_ns(100), 0U);
  EXPECT_EQ(latencies.mean_ns(), 0.0);
  EXPECT_EQ(latencies.max_ns(), 0U);
}

TEST(Histogram, Puts_every_value_into_a_step_whose_upper_end_is_not_below_it_and_hardly_above) {
  for (unsigned bit = 0; bit < 63; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t value : {power - 1, power, power + 1, power + power / 3}) {
      const std::uint64_t end = Histogram::upper_end(Histogram::step_of(value));
      EXPECT_GE(end, value);
      EXPECT_LE(static_cast<double>(end - value), static_cast<double>(value) / 128);
    }
  }
  EXPECT_LT(Histogram::step_of(UINT64_MAX), Histogram::step_count);
}

TEST(Histogram, Has_steps_in_the_order_of_their_values) {
  for (std::size_t step = 1; step < Histogram::step_count; ++step) {
    ASSERT_GT(Histogram::upper_end(step), Histogram::upper_end(step - 1));
  }
}

TEST(Histogram, Agrees_with_sorted_values_on_every_percentile) {
  std::mt19937 chance(1);
  std::lognormal_distribution<double> latency(13, 2);
  Histogram histogram;
  std::vector<std::int64_t> values;
  for (int i = 0; i < 20'000; ++i) values.push_back(static_cast<std::int64_t>(latency(chance)));
  for (const std::int64_t value : values) histogram.add(value);
  std::ranges::sort(values);
  const Latencies latencies = histogram.read();
  for (const double percent : {0.01, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[rank - 1]);
    EXPECT_GE(static_cast<double>(latencies.percentile_ns(percent)), exact);
    EXPECT_LE(static_cast<double>(latencies.percentile_ns(percent)), exact * 1.008 + 1);
  }
  EXPECT_EQ(latencies.max_ns(), static_cast<std::uint64_t>(values.back()));
}

TEST(Histogram, Takes_a_time_before_the_beginning_for_zero) {
  Histogram histogram;
  histogram.add(-5);
  EXPECT_EQ(histogram.read().count(), 1U);
  EXPECT_EQ(histogram.read().percentile_ns(100), 0U);
}

TEST(Latencies, Subtracted_hold_what_came_between_two_looks) {
  Histogram histogram;
  for (int i = 0; i < 100; ++i) histogram.add(1'000'000);
  const Latencies earlier = histogram.read();
  for (int i = 0; i < 10; ++i) histogram.add(1'000);
  Latencies between = histogram.read();
  between.subtract(earlier);
  EXPECT_EQ(between.count(), 10U);
  EXPECT_LE(between.percentile_ns(99), 1'008U);
  EXPECT_NEAR(between.mean_ns(), 1'000, 1);
}

TEST(Latencies, Added_hold_those_of_both) {
  Histogram one;
  Histogram other;
  one.add(10);
  other.add(1'000'000);
  Latencies all = one.read();
  all.add(other.read());
  EXPECT_EQ(all.count(), 2U);
  EXPECT_EQ(all.percentile_ns(50), 10U);
  EXPECT_EQ(all.max_ns(), 1'000'000U);
}

}  // namespace
}  // namespace crier::cli::benchmark
