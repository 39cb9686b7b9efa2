#include "broker/runtime/owning_thread.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace crier::runtime {
namespace {

TEST(OwningThread, Lets_its_owner_in_and_whom_it_was_given_to) {
  OwningThread owner;
  owner.check();
  std::thread heir([&] {
    owner.bind();
    owner.check();
  });
  heir.join();
}

TEST(OwningThreadDeathTest, Aborts_on_any_other_thread_and_on_the_one_that_gave_it_away) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        const OwningThread owner;
        std::thread([&] { owner.check(); }).join();
      },
      "invariant broken");
  EXPECT_DEATH(
      {
        OwningThread owner;
        std::thread([&] { owner.bind(); }).join();
        owner.check();
      },
      "invariant broken");
}

}  // namespace
}  // namespace crier::runtime
