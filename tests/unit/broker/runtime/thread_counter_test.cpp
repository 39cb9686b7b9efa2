#include "broker/runtime/thread_counter.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "broker/runtime/thread_metrics.hpp"

namespace crier::runtime {
namespace {

TEST(ThreadCounter, Is_read_by_another_thread_without_ever_going_back) {
  ThreadCounter counter;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 100'000; ++i) counter.add(2);
    done = true;
  });
  std::uint64_t last = 0;
  while (!done) {
    const std::uint64_t now = counter.value();
    ASSERT_GE(now, last);
    ASSERT_EQ(now % 2, 0U);
    last = now;
  }
  writer.join();
  EXPECT_EQ(counter.value(), 200'000U);
}

TEST(ThreadGauge, Goes_up_and_down_and_where_it_is_set) {
  ThreadGauge gauge;
  gauge.add(5);
  gauge.add(-7);
  EXPECT_EQ(gauge.value(), -2);
  gauge.set(9);
  EXPECT_EQ(gauge.value(), 9);
}

TEST(LabelledCounter, Counts_what_it_does_not_know_as_the_last_label) {
  static constexpr std::array<std::string_view, 3> labels = {"a", "b", "other"};
  LabelledCounter<3> counter(labels);
  for (const char* label : {"a", "b", "b", "never heard of", ""}) counter.add(label);
  EXPECT_EQ(counter.value(0), 1U);
  EXPECT_EQ(counter.value(1), 2U);
  EXPECT_EQ(counter.value(2), 2U);
}

TEST(ThreadHistogram, Puts_a_value_into_the_first_bucket_whose_bound_is_not_below_it) {
  static constexpr std::array<double, 2> bounds = {1, 10};
  ThreadHistogram<2> histogram(bounds);
  histogram.observe(0);
  histogram.observe(1);
  histogram.observe(1.5, 3);
  histogram.observe(10);
  histogram.observe(11);
  EXPECT_EQ(histogram.bucket(0), 2U);
  EXPECT_EQ(histogram.bucket(1), 4U);
  EXPECT_EQ(histogram.bucket(2), 1U);
  EXPECT_DOUBLE_EQ(histogram.sum(), 0 + 1 + 4.5 + 10 + 11);
}

TEST(ThreadMetrics, Shares_no_cache_line_with_its_neighbour) {
  EXPECT_EQ(alignof(ThreadMetrics) % 64, 0U);
  EXPECT_EQ(sizeof(ThreadMetrics) % 64, 0U);
}

}  // namespace
}  // namespace crier::runtime
