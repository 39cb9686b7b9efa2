#include "broker/hub/chunk.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crier::hub {
namespace {

TEST(ChunkPool, Hands_out_empty_chunks_also_when_their_memory_was_used_before) {
  ChunkPool pool;
  const char* memory = nullptr;
  {
    const ChunkPtr chunk = pool.take();
    chunk->bytes = std::string(1000, 'x');
    memory = chunk->bytes.data();
  }
  const ChunkPtr again = pool.take();
  EXPECT_TRUE(again->bytes.empty());
  again->bytes.append(1000, 'y');
  EXPECT_EQ(again->bytes.data(), memory) << "the memory was not kept for the next turn";
}

TEST(ChunkPool, Counts_a_waiting_chunk_once_however_many_hold_it_and_until_the_last_lets_go) {
  ChunkPool pool;
  ChunkPtr first = pool.take();
  first->bytes = std::string(1000, 'x');
  EXPECT_EQ(pool.retained_bytes(), 0U);
  ChunkPtr second = first;
  first.retain();
  const std::size_t cost = pool.retained_bytes();
  EXPECT_GE(cost, 1000 + chunk_overhead);
  second.retain();
  EXPECT_EQ(pool.retained_bytes(), cost);
  first = ChunkPtr{};
  EXPECT_EQ(pool.retained_bytes(), cost);
  second = ChunkPtr{};
  EXPECT_EQ(pool.retained_bytes(), 0U);
  const ChunkPtr reused = pool.take();
  reused->bytes += "1";
  EXPECT_EQ(pool.retained_bytes(), 0U);
}

TEST(ChunkPool, Lets_a_reader_that_waits_for_little_keep_little) {
  ChunkPool pool;
  {
    pool.take()->bytes.reserve(1'000'000);
  }
  ChunkPtr chunk = pool.take();
  ASSERT_GE(chunk->bytes.capacity(), 1'000'000U);
  chunk->bytes.assign(6, 'x');
  chunk.retain();
  EXPECT_EQ(chunk->bytes, "xxxxxx");
  EXPECT_LE(pool.retained_bytes(), 100 + chunk_overhead);
}

TEST(ChunkPool, Keeps_a_chunk_alive_through_copies_moves_and_assignments) {
  ChunkPool pool;
  ChunkPtr a = pool.take();
  a->bytes += "a";
  ChunkPtr b = a;
  ChunkPtr c = std::move(a);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): that it is empty is the point
  b = c;
  ChunkPtr& same = b;
  b = same;
  c = pool.take();
  EXPECT_EQ(b->bytes, "a");
}

TEST(ChunkPool, Gives_memory_back_when_a_burst_is_over) {
  // More chunks, and larger ones, than the pool keeps: what it keeps is empty and few. The sanitizers see a
  // leak or a double free; here it must just go on working.
  ChunkPool pool;
  for (int round = 0; round < 2; ++round) {
    std::vector<ChunkPtr> burst;
    for (int i = 0; i < 3000; ++i) {
      burst.push_back(pool.take());
      burst.back()->bytes.assign(4096, 'x');
      burst.back().retain();
    }
    EXPECT_GE(pool.retained_bytes(), 3000U * 4096U);
  }
  EXPECT_EQ(pool.retained_bytes(), 0U);
}

TEST(ChunkPoolDeathTest, Must_outlive_its_chunks) {
  EXPECT_DEATH(
      {
        ChunkPtr chunk;
        const ChunkPool pool;
        chunk = const_cast<ChunkPool&>(pool).take();
      },
      "invariant broken");
}

}  // namespace
}  // namespace crier::hub
