#include "broker/hub/inline_vector.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace crier::hub {
namespace {

std::vector<std::uint64_t> all_of(const InlineVector<std::uint64_t>& vector) {
  return {vector.begin(), vector.end()};
}

TEST(InlineVector, Takes_no_more_than_two_words_and_holds_one_element_inside) {
  EXPECT_EQ(sizeof(InlineVector<std::uint64_t>), 16U);
  InlineVector<std::uint64_t> vector;
  EXPECT_TRUE(vector.empty());
  vector.push_back(7);
  const auto* const inside = reinterpret_cast<const char*>(&vector);
  const auto* const element = reinterpret_cast<const char*>(vector.begin());
  EXPECT_TRUE(element >= inside && element < inside + sizeof(vector));
}

TEST(InlineVector, Comes_back_inside_when_one_element_or_none_is_left) {
  InlineVector<std::uint64_t> vector;
  for (std::uint64_t i = 0; i < 9; ++i) vector.push_back(i);
  while (vector.size() > 1) vector.swap_remove(0);
  const auto* const inside = reinterpret_cast<const char*>(&vector);
  const auto* const element = reinterpret_cast<const char*>(vector.begin());
  EXPECT_TRUE(element >= inside && element < inside + sizeof(vector));
  EXPECT_EQ(all_of(vector), std::vector<std::uint64_t>{1});
  vector.swap_remove(0);
  EXPECT_TRUE(vector.empty());
  EXPECT_EQ(vector.begin(), vector.end());
}

TEST(InlineVector, Puts_the_last_element_into_the_place_of_a_removed_one) {
  InlineVector<std::uint64_t> vector;
  for (const std::uint64_t value : {10U, 11U, 12U, 13U}) vector.push_back(value);
  vector.swap_remove(1);
  EXPECT_EQ(all_of(vector), (std::vector<std::uint64_t>{10, 13, 12}));
  vector.swap_remove(2);
  EXPECT_EQ(all_of(vector), (std::vector<std::uint64_t>{10, 13}));
  EXPECT_EQ(vector.back(), 13U);
}

TEST(InlineVector, Holds_what_a_plain_vector_holds_after_any_pushes_and_removals) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    InlineVector<std::uint64_t> vector;
    std::vector<std::uint64_t> model;
    for (int i = 0; i < 2000; ++i) {
      // Long runs of either kind, so that sizes go up and down again.
      const bool push = model.empty() || random() % 100 < (i / 100 % 2 == 0 ? 70U : 30U);
      if (push) {
        model.push_back(random());
        vector.push_back(model.back());
      } else {
        const std::size_t at = random() % model.size();
        model[at] = model.back();
        model.pop_back();
        vector.swap_remove(static_cast<std::uint32_t>(at));
      }
      ASSERT_EQ(all_of(vector), model);
    }
  }
}

TEST(InlineVectorDeathTest, Refuses_to_remove_what_is_not_there) {
  InlineVector<std::uint64_t> vector;
  vector.push_back(1);
  EXPECT_DEATH(vector.swap_remove(1), "invariant broken");
}

}  // namespace
}  // namespace crier::hub
