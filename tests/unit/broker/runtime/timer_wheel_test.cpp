#include "broker/runtime/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace crier::runtime {
namespace {

class Alarm final : public TimerWheel::Entry {
 public:
  explicit Alarm(std::function<void()> action = [] {}) : action_(std::move(action)) {}
  int fired = 0;

 private:
  void on_deadline() override {
    ++fired;
    action_();
  }
  std::function<void()> action_;
};

TEST(TimerWheel, Fires_once_at_its_deadline_and_not_before) {
  // Slots are reached again after one turn of 512 ticks: deadlines on both sides of every turn's end.
  for (const Tick deadline : {1U, 2U, 511U, 512U, 513U, 1023U, 1024U, 5000U}) {
    TimerWheel wheel;
    Alarm alarm;
    wheel.schedule(alarm, deadline);
    EXPECT_TRUE(alarm.scheduled());
    for (Tick now = 1; now < deadline; ++now) wheel.advance(now);
    EXPECT_EQ(alarm.fired, 0);
    wheel.advance(deadline);
    EXPECT_EQ(alarm.fired, 1);
    EXPECT_FALSE(alarm.scheduled());
    wheel.advance(deadline + 2000);
    EXPECT_EQ(alarm.fired, 1);
  }
}

TEST(TimerWheel, Fires_at_the_next_tick_what_is_not_in_the_future) {
  TimerWheel wheel;
  wheel.advance(100);
  Alarm alarm;
  for (const Tick deadline : {0U, 99U, 100U}) {
    alarm.fired = 0;
    wheel.schedule(alarm, deadline);
    EXPECT_EQ(alarm.fired, 0) << "never from within schedule";
    wheel.advance(wheel.now() + 1);
    EXPECT_EQ(alarm.fired, 1);
  }
}

TEST(TimerWheel, Moves_an_entry_that_is_scheduled_again_and_forgets_one_that_is_cancelled_or_gone) {
  TimerWheel wheel;
  Alarm moved;
  Alarm cancelled;
  wheel.schedule(moved, 5);
  wheel.schedule(moved, 8);
  wheel.schedule(cancelled, 5);
  wheel.cancel(cancelled);
  wheel.cancel(cancelled);
  {
    Alarm gone;
    wheel.schedule(gone, 5);
  }
  wheel.advance(7);
  EXPECT_EQ(moved.fired, 0);
  wheel.advance(8);
  EXPECT_EQ(moved.fired, 1);
  EXPECT_EQ(cancelled.fired, 0);
}

TEST(TimerWheel, Catches_up_tick_by_tick_after_a_stall_in_the_order_of_deadlines) {
  TimerWheel wheel;
  std::vector<int> order;
  Alarm late([&] { order.push_back(3); });
  Alarm early([&] { order.push_back(1); });
  Alarm middle([&] { order.push_back(2); });
  wheel.schedule(late, 700);
  wheel.schedule(early, 200);
  wheel.schedule(middle, 600);
  wheel.advance(1000);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(TimerWheel, Lets_a_handler_schedule_itself_again_also_into_the_slot_that_fires) {
  TimerWheel wheel;
  std::vector<Tick> times;
  Alarm* self = nullptr;
  Alarm alarm([&] {
    times.push_back(wheel.now());
    wheel.schedule(*self, times.size() < 3 ? wheel.now() + 512 : wheel.now());
  });
  self = &alarm;
  wheel.schedule(alarm, 1);
  wheel.advance(1027);
  EXPECT_EQ(times, (std::vector<Tick>{1, 513, 1025, 1026, 1027}));
}

TEST(TimerWheel, Lets_a_handler_destroy_cancel_or_move_others_that_are_due_at_the_same_tick) {
  TimerWheel wheel;
  auto destroyed = std::make_unique<Alarm>();
  Alarm cancelled;
  Alarm moved;
  Alarm first([&] {
    destroyed.reset();
    wheel.cancel(cancelled);
    wheel.schedule(moved, 9);
  });
  Alarm last;
  wheel.schedule(first, 5);
  wheel.schedule(*destroyed, 5);
  wheel.schedule(cancelled, 5);
  wheel.schedule(moved, 5);
  wheel.schedule(last, 5);
  wheel.advance(5);
  EXPECT_EQ(cancelled.fired, 0);
  EXPECT_EQ(moved.fired, 0);
  EXPECT_EQ(last.fired, 1);
  wheel.advance(9);
  EXPECT_EQ(moved.fired, 1);
}

TEST(TimerWheel, Lets_an_entry_destroy_itself_and_outlive_the_wheel) {
  auto alarm = std::unique_ptr<Alarm>();
  auto survivor = std::make_unique<Alarm>();
  {
    TimerWheel wheel;
    alarm = std::make_unique<Alarm>([&] { alarm.reset(); });
    wheel.schedule(*alarm, 1);
    wheel.schedule(*survivor, 2);
    wheel.advance(1);
    EXPECT_EQ(alarm, nullptr);
  }
  EXPECT_FALSE(survivor->scheduled());
}

TEST(TimerWheel, Agrees_with_a_list_of_deadlines_under_random_use) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    TimerWheel wheel;
    std::vector<Alarm> alarms(50);
    std::vector<Tick> deadlines(alarms.size());  // 0: none
    std::vector<int> fired(alarms.size());
    for (int i = 0; i < 3000; ++i) {
      const std::size_t at = random() % alarms.size();
      if (random() % 4 == 0) {
        wheel.cancel(alarms[at]);
        deadlines[at] = 0;
      } else {
        deadlines[at] = wheel.now() + 1 + static_cast<Tick>(random() % 1500);
        wheel.schedule(alarms[at], deadlines[at]);
      }
      wheel.advance(wheel.now() + static_cast<Tick>(random() % 30));
      for (std::size_t one = 0; one < alarms.size(); ++one) {
        if (deadlines[one] != 0 && deadlines[one] <= wheel.now()) {
          ++fired[one];
          deadlines[one] = 0;
        }
        ASSERT_EQ(alarms[one].fired, fired[one]);
        ASSERT_EQ(alarms[one].scheduled(), deadlines[one] != 0);
      }
    }
  }
}

}  // namespace
}  // namespace crier::runtime
