#include "broker/admin/metrics_collector.hpp"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "protocol/command/command.hpp"
#include "protocol/websocket/close_code.hpp"

namespace crier::admin {
namespace {

class MetricsCollectorTest : public ::testing::Test {
 protected:
  // All sample lines, without comments.
  std::set<std::string> samples() {
    std::istringstream text(prometheus::TextSerializer{}.Serialize(collector.Collect()));
    std::set<std::string> lines;
    for (std::string line; std::getline(text, line);) {
      if (line.starts_with("#")) continue;
      EXPECT_TRUE(lines.insert(line).second) << "twice: " << line;
    }
    return lines;
  }
  void expect(const std::string& line) { EXPECT_EQ(samples().count(line), 1U) << line; }

  runtime::ThreadMetrics threads[2];
  MetricsCollector collector{{&threads[0], &threads[1]}};
};

TEST_F(MetricsCollectorTest, Adds_up_the_threads_totals) {
  threads[0].accepted.add(3);
  threads[1].accepted.add(4);
  threads[0].connections.add(2);
  threads[1].connections.add(-1);
  threads[1].published.add(10);
  threads[0].delivered.add(30);
  threads[0].bytes_in.add(1);
  threads[1].bytes_out.add(2);
  threads[0].dropped_slow_consumer.add(5);
  threads[1].outbox_bytes.set(77);
  threads[0].subscriptions.add(6);
  threads[1].channels.add(8);
  threads[1].websockets.add(9);
  for (const char* line :
       {"crier_connections_accepted_total 7", "crier_connections 1", "crier_messages_published_total 10",
        "crier_messages_delivered_total 30", "crier_received_bytes_total 1", "crier_sent_bytes_total 2",
        "crier_messages_dropped_total{reason=\"slow_consumer\"} 5", "crier_outbox_bytes 77", "crier_subscriptions 6",
        "crier_channels 8", "crier_websockets 9"}) {
    expect(line);
  }
}

TEST_F(MetricsCollectorTest, Shows_what_differs_between_threads_by_thread) {
  threads[0].mailbox_depth.set(4);
  threads[1].requests_waiting.set(5);
  threads[1].loop_lag_us.set(1500);
  expect("crier_mailbox_depth{thread=\"0\"} 4");
  expect("crier_mailbox_depth{thread=\"1\"} 0");
  expect("crier_requests_waiting{thread=\"1\"} 5");
  expect("crier_loop_lag_seconds{thread=\"1\"} 0.0015");
}

TEST_F(MetricsCollectorTest, Shows_every_close_and_refusal_label_from_the_start) {
  threads[0].closed.add("slow_consumer");
  threads[1].closed.add("slow_consumer");
  threads[1].refused.add("origin");
  threads[1].refused.add("a reason of the future");
  expect("crier_connections_closed_total{code=\"slow_consumer\"} 2");
  expect("crier_handshakes_refused_total{reason=\"origin\"} 1");
  expect("crier_handshakes_refused_total{reason=\"other\"} 1");
  for (const std::string_view label : runtime::close_labels) {
    if (label == "slow_consumer") continue;
    expect("crier_connections_closed_total{code=\"" + std::string(label) + "\"} 0");
  }
}

TEST_F(MetricsCollectorTest, Shows_commands_by_op_and_outcome) {
  threads[0].commands[static_cast<std::size_t>(command::Op::publish)].add("ok");
  threads[1].commands[static_cast<std::size_t>(command::Op::publish)].add("too_large");
  threads[1].commands.back().add("bad_request");
  expect("crier_commands_total{op=\"publish\",outcome=\"ok\"} 1");
  expect("crier_commands_total{op=\"publish\",outcome=\"too_large\"} 1");
  expect("crier_commands_total{op=\"invalid\",outcome=\"bad_request\"} 1");
  expect("crier_commands_total{op=\"ping\",outcome=\"ok\"} 0");
}

TEST_F(MetricsCollectorTest, Has_a_close_label_for_every_close_code_by_its_name) {
  std::set<runtime::CloseReason> reasons;
  for (std::uint16_t code = 0; code < 5000; ++code) {
    const std::string_view name = to_string(static_cast<websocket::CloseCode>(code));
    const runtime::CloseReason reason = runtime::close_reason(name);
    EXPECT_EQ(to_string(reason), name);
    reasons.insert(reason);
  }
  reasons.insert({runtime::CloseReason::http, runtime::CloseReason::refused});
  EXPECT_EQ(reasons.size(), runtime::close_labels.size());
}

TEST_F(MetricsCollectorTest, Counts_histograms_cumulatively_over_all_threads) {
  threads[0].publish_to_write_s.observe(0.0001, 2);
  threads[1].publish_to_write_s.observe(0.02);
  threads[1].publish_to_write_s.observe(100);
  expect("crier_publish_to_write_seconds_bucket{le=\"5e-05\"} 0");
  expect("crier_publish_to_write_seconds_bucket{le=\"0.0001\"} 2");
  expect("crier_publish_to_write_seconds_bucket{le=\"0.025\"} 3");
  expect("crier_publish_to_write_seconds_bucket{le=\"5\"} 3");
  expect("crier_publish_to_write_seconds_bucket{le=\"+Inf\"} 4");
  expect("crier_publish_to_write_seconds_count 4");
  expect("crier_publish_to_write_seconds_sum 100.0202");
}

TEST_F(MetricsCollectorTest, Has_a_label_for_every_op_and_every_error_code_in_their_order) {
  for (std::size_t op = 0; op < command::op_count; ++op) {
    EXPECT_EQ(runtime::op_labels[op], to_string(static_cast<command::Op>(op)));
  }
  ASSERT_EQ(runtime::outcome_labels.size(), error_code_count + 1);
  for (std::size_t code = 0; code < error_code_count; ++code) {
    EXPECT_EQ(runtime::outcome_labels[code + 1], to_string(static_cast<ErrorCode>(code)));
  }
}

TEST(ProcessCollector, Tells_of_this_process) {
  const auto families = ProcessCollector().Collect();
  ASSERT_EQ(families.size(), 5U);
  for (const auto& family : families) {
    const auto& metric = family.metric.at(0);
    EXPECT_GT(metric.counter.value + metric.gauge.value, 0) << family.name;
  }
}

}  // namespace
}  // namespace crier::admin
