#include "clients/cli/bench/text.hpp"

#include <gtest/gtest.h>

namespace crier::cli::benchmark {
namespace {

TEST(Counted, Speaks_of_one_and_of_many) {
  EXPECT_EQ(counted(1, "channel"), "1 channel");
  EXPECT_EQ(counted(0, "channel"), "0 channels");
  EXPECT_EQ(counted(1'500, "channel"), "1,500 channels");
}

}  // namespace
}  // namespace crier::cli::benchmark
