#include "broker/admin/readiness.hpp"

#include <gtest/gtest.h>

namespace crier::admin {
namespace {

TEST(Readiness, Waits_until_a_message_has_come_back_on_every_thread) {
  runtime::ThreadMetrics threads[2];
  const Readiness readiness({&threads[0], &threads[1]});
  EXPECT_EQ(readiness.not_ready_because(100), "starting: no message has come back on thread 0 yet");
  threads[0].probe_returned_ms = 100;
  EXPECT_EQ(readiness.not_ready_because(100), "starting: no message has come back on thread 1 yet");
  threads[1].probe_returned_ms = 100;
  EXPECT_EQ(readiness.not_ready_because(100), "");
}

TEST(Readiness, Ends_when_no_message_came_back_for_more_than_five_seconds_and_returns_with_it) {
  runtime::ThreadMetrics thread;
  const Readiness readiness({&thread});
  thread.probe_returned_ms = 1000;
  EXPECT_EQ(readiness.not_ready_because(6000), "");
  EXPECT_EQ(readiness.not_ready_because(6001), "no message came back on thread 0 for 5001 ms");
  thread.probe_returned_ms = 6001;
  EXPECT_EQ(readiness.not_ready_because(6001), "");
}

TEST(Readiness, Ends_with_the_beginning_of_a_drain_whatever_the_threads_do) {
  runtime::ThreadMetrics thread;
  thread.probe_returned_ms = 1000;
  Readiness readiness({&thread});
  readiness.set_draining();
  EXPECT_EQ(readiness.not_ready_because(1000), "draining");
}

}  // namespace
}  // namespace crier::admin
