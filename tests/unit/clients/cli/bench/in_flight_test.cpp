#include "clients/cli/bench/in_flight.hpp"

#include <gtest/gtest.h>

namespace crier::cli::benchmark {
namespace {

TEST(InFlight, Tells_the_last_party_alone_that_a_message_has_reached_everybody) {
  InFlight in_flight(2);
  const MessageTag tag = tag_of(3, 7);
  in_flight.take(1, tag, 3);
  EXPECT_TRUE(in_flight.is_for(1, tag));
  EXPECT_FALSE(in_flight.arrived(1, tag));
  EXPECT_FALSE(in_flight.arrived(1, tag));
  EXPECT_TRUE(in_flight.arrived(1, tag));
  EXPECT_FALSE(in_flight.arrived(1, tag));
}

TEST(InFlight, Knows_a_slots_message_from_those_before_it) {
  InFlight in_flight(1);
  in_flight.take(0, tag_of(3, 7), 1);
  EXPECT_FALSE(in_flight.is_for(0, tag_of(3, 6)));
  EXPECT_FALSE(in_flight.is_for(0, tag_of(4, 7)));
  EXPECT_FALSE(in_flight.arrived(0, tag_of(3, 6)));
  EXPECT_TRUE(in_flight.arrived(0, tag_of(3, 7)));
}

TEST(InFlight, Gives_up_what_has_not_arrived_and_nothing_else) {
  InFlight in_flight(2);
  in_flight.take(0, tag_of(1, 1), 2);
  EXPECT_FALSE(in_flight.arrived(0, tag_of(1, 1)));
  EXPECT_TRUE(in_flight.give_up(0));
  EXPECT_FALSE(in_flight.arrived(0, tag_of(1, 1)));
  in_flight.take(1, tag_of(1, 2), 1);
  EXPECT_TRUE(in_flight.arrived(1, tag_of(1, 2)));
  EXPECT_FALSE(in_flight.give_up(1));
}

}  // namespace
}  // namespace crier::cli::benchmark
