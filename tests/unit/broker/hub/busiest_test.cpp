#include "broker/hub/busiest.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crier::hub {
namespace {

std::vector<std::string> names(Busiest& busiest) {
  std::vector<std::string> names;
  for (const BusyChannel& channel : busiest.take()) names.push_back(channel.channel);
  return names;
}

TEST(BusiestTest, Keeps_the_busiest_in_their_order) {
  Busiest busiest(3);
  for (int i = 0; i < 100; ++i) busiest.offer("c" + std::to_string(i), 1, (i * 37) % 100);
  EXPECT_EQ(names(busiest), (std::vector<std::string>{"c27", "c54", "c81"}));  // 99, 98, 97
  EXPECT_EQ(busiest.offered(), 100U);
}

TEST(BusiestTest, Decides_by_subscribers_then_by_name_where_nothing_happens) {
  Busiest busiest(3);
  for (const char* const name : {"d", "b", "c", "a"}) busiest.offer(name, name[0] == 'd' ? 2 : 1, 0);
  EXPECT_EQ(names(busiest), (std::vector<std::string>{"d", "a", "b"}));
}

TEST(BusiestTest, Keeps_nothing_where_nothing_is_wanted) {
  Busiest busiest(0);
  busiest.offer("a", 1, 1);
  EXPECT_TRUE(busiest.take().empty());
  EXPECT_EQ(busiest.offered(), 1U);
}

}  // namespace
}  // namespace crier::hub
