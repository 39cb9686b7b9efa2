#include "clients/cli/bench/sequences.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace crier::cli::benchmark {
namespace {

Sequences of_publishers(std::size_t count) {
  Sequences sequences;
  sequences.start(count);
  return sequences;
}

std::vector<Arrival> arrivals(Sequences& sequences, const std::vector<std::uint32_t>& numbers) {
  std::vector<Arrival> found;
  for (const std::uint32_t number : numbers) found.push_back(sequences.arrived(0, number));
  return found;
}

constexpr Arrival in_order = Arrival::in_order;
constexpr Arrival late = Arrival::late;
constexpr Arrival duplicate = Arrival::duplicate;

TEST(Sequences, Miss_nothing_when_everything_comes_in_order) {
  Sequences sequences = of_publishers(1);
  EXPECT_EQ(arrivals(sequences, {0, 1, 2, 3}), (std::vector{in_order, in_order, in_order, in_order}));
  EXPECT_EQ(sequences.missing_between(), 0U);
  EXPECT_EQ(sequences.missing_at_the_end(0, 4), 0U);
}

TEST(Sequences, Count_what_was_passed_over_and_what_never_came_behind) {
  Sequences sequences = of_publishers(1);
  EXPECT_EQ(arrivals(sequences, {0, 5, 6}), (std::vector{in_order, in_order, in_order}));
  EXPECT_EQ(sequences.missing_between(), 4U);
  EXPECT_EQ(sequences.missing_at_the_end(0, 10), 3U);
}

TEST(Sequences, Tell_late_ones_from_those_that_come_twice) {
  Sequences sequences = of_publishers(1);
  EXPECT_EQ(arrivals(sequences, {3, 1, 1, 0, 2, 2, 3}),
            (std::vector{in_order, late, duplicate, late, late, duplicate, duplicate}));
  EXPECT_EQ(sequences.missing_between(), 0U);
}

TEST(Sequences, Keep_publishers_apart) {
  Sequences sequences = of_publishers(2);
  EXPECT_EQ(sequences.arrived(0, 0), in_order);
  EXPECT_EQ(sequences.arrived(1, 4), in_order);
  EXPECT_EQ(sequences.arrived(0, 1), in_order);
  EXPECT_EQ(sequences.arrived(0, 4), in_order);
  EXPECT_EQ(sequences.arrived(1, 2), late);
  EXPECT_EQ(sequences.missing_between(), 2U + 3U);
}

TEST(Sequences, Count_on_when_there_are_more_holes_than_they_remember) {
  Sequences sequences = of_publishers(1);
  constexpr std::uint32_t holes = Holes::ranges_max + 100;
  for (std::uint32_t i = 0; i < holes; ++i) EXPECT_EQ(sequences.arrived(0, 2 * i + 1), in_order);
  EXPECT_EQ(sequences.missing_between(), holes);
  // Those that were only counted are taken for late, as long as there are any.
  EXPECT_EQ(sequences.arrived(0, 2 * (holes - 1)), late);
  EXPECT_EQ(sequences.missing_between(), holes - 1);
}

TEST(Sequences, Remember_so_many_pieces_of_a_hole_at_most) {
  Sequences sequences = of_publishers(1);
  constexpr std::uint32_t wide = 4 * Holes::ranges_max;
  EXPECT_EQ(sequences.arrived(0, wide), in_order);
  for (std::uint32_t number = 1; number < wide; number += 2) EXPECT_EQ(sequences.arrived(0, number), late);
  EXPECT_EQ(sequences.missing_between(), wide / 2);
}

}  // namespace
}  // namespace crier::cli::benchmark
