#include "broker/runtime/inbox.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace crier::runtime {
namespace {

struct Batch {
  int writer = 0;
  int number = 0;
  std::vector<int> load;  // plain memory, written by one thread and read by another
  std::unique_ptr<Batch> next;
};

std::unique_ptr<Batch> batch(int writer, int number) {
  auto result = std::make_unique<Batch>();
  result->writer = writer;
  result->number = number;
  result->load.assign(3, number);
  return result;
}

TEST(Inbox, Hands_over_everything_at_once_oldest_first) {
  Inbox<Batch> inbox;
  EXPECT_EQ(inbox.take(), nullptr);
  for (int number = 1; number <= 3; ++number) static_cast<void>(inbox.push(batch(0, number)));
  int expected = 1;
  for (auto at = inbox.take(); at; at = std::move(at->next)) EXPECT_EQ(at->number, expected++);
  EXPECT_EQ(expected, 4);
  EXPECT_EQ(inbox.take(), nullptr);
}

TEST(Inbox, Asks_for_one_wake_up_until_it_is_read) {
  Inbox<Batch> inbox;
  EXPECT_TRUE(inbox.push(batch(0, 1)));
  EXPECT_FALSE(inbox.push(batch(0, 2)));
  EXPECT_FALSE(inbox.push(batch(1, 1)));
  static_cast<void>(inbox.take());
  EXPECT_TRUE(inbox.push(batch(0, 3)));
}

TEST(Inbox, May_end_with_any_number_of_batches_unread) {
  Inbox<Batch> inbox;
  for (int number = 0; number < 300'000; ++number) static_cast<void>(inbox.push(batch(0, number)));
}

// The reader sleeps like a loop does, until somebody's push says that it must be woken: a lost wake-up hangs
// this test, a race is the thread sanitizer's to see.
TEST(Inbox, Keeps_each_writer_s_order_and_loses_no_wake_up_with_many_threads) {
  constexpr int writers = 4;
  constexpr int batches_each = 20'000;
  Inbox<Batch> inbox;
  std::atomic<int> wake_ups{0};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      for (int number = 1; number <= batches_each; ++number) {
        if (!inbox.push(batch(writer, number))) continue;
        wake_ups.fetch_add(1, std::memory_order_relaxed);
        wake_ups.notify_one();
      }
    });
  }
  std::vector<int> last(writers);
  int got = 0;
  while (got < writers * batches_each) {
    wake_ups.wait(0);
    wake_ups.fetch_sub(1, std::memory_order_relaxed);
    for (auto at = inbox.take(); at; at = std::move(at->next)) {
      ++got;
      ASSERT_EQ(at->number, ++last[static_cast<std::size_t>(at->writer)]);
      ASSERT_EQ(at->load, std::vector<int>(3, at->number));
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(inbox.take(), nullptr);
}

}  // namespace
}  // namespace crier::runtime
