#include "broker/net/departures.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>

namespace crier::net {
namespace {

// Departures only compares addresses.
struct alignas(16) Place {
  std::array<std::byte, 16> bytes{};
  Connection& connection() { return *reinterpret_cast<Connection*>(bytes.data()); }
};

using Connections = std::vector<Connection*>;

TEST(Departures, Come_in_order_of_time_and_once) {
  Place early;
  Place late;
  Place also_early;
  Departures departures;
  departures.add(late.connection(), 9);
  departures.add(early.connection(), 3);
  departures.add(also_early.connection(), 3);
  EXPECT_EQ(departures.take_due(2), Connections{});
  EXPECT_EQ(departures.take_due(3), (Connections{&early.connection(), &also_early.connection()}));
  EXPECT_EQ(departures.take_due(3), Connections{});
  EXPECT_EQ(departures.take_due(100), Connections{&late.connection()});
}

TEST(Departures, Forget_who_has_gone_before) {
  Place gone;
  Place other;
  Departures departures;
  departures.add(gone.connection(), 3);
  departures.add(other.connection(), 3);
  departures.remove(gone.connection(), 3);
  departures.remove(gone.connection(), 3);
  EXPECT_EQ(departures.take_due(3), Connections{&other.connection()});
}

}  // namespace
}  // namespace crier::net
