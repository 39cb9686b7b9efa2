#include <gtest/gtest.h>

#include "tests/unit/broker/state/support.hpp"

namespace crier::state {
namespace {

TEST(StateCodec, Gives_back_what_was_written) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const SavedState state = RandomState(seed).make();
    const auto read = read_state(written(state));
    ASSERT_TRUE(read) << "seed " << seed << ": " << read.error();
    ASSERT_EQ(*read, state) << "seed " << seed;
  }
}

TEST(StateCodec, Writes_the_bytes_that_the_page_about_them_describes) {
  EXPECT_EQ(written(small_state()), file_of(small_state()));
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const SavedState state = RandomState(seed).make();
    ASSERT_EQ(written(state), file_of(state)) << "seed " << seed;
  }
}

TEST(StateCodec, Takes_a_state_without_channels) {
  SavedState state;
  state.epoch = "0";
  const auto read = read_state(written(state));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(*read, state);
}

TEST(StateCodec, Takes_the_highest_and_the_longest_of_everything) {
  SavedState state;
  state.epoch = std::string(epoch_bytes_max, 'Z');
  state.sequence = state.floor = offset_max;
  SavedChannel channel{std::string(255, 'c'), offset_max - 1, offset_max, ~std::uint64_t{0}, {}, {}};
  channel.messages.push_back({offset_max, ~std::uint64_t{0}, time_ms_max, std::numeric_limits<std::int64_t>::max(),
                              command::Encoding::base64, true, std::string(conflate_key_bytes_max, '\0'),
                              '"' + std::string(3 * 4096 + 8, '+') + '"'});
  channel.keys.push_back({std::string(scope_bytes_max, '\xFF'), std::string(key_bytes_max, '\xFF'), offset_max,
                          std::numeric_limits<std::int64_t>::max()});
  channel.keys.push_back({"", "", 1, 0});
  state.channels.push_back(channel);
  const auto read = read_state(written(state));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(*read, state);
}

TEST(StateCodec, Hands_a_long_history_to_its_sink_in_pieces_and_keeps_none_of_it) {
  SavedState state = small_state();
  state.sequence = state.channels[0].top = state.channels[0].top_number = 1'000'000;
  for (std::uint64_t i = 10; i < 2000; ++i) {
    state.channels[0].messages.push_back({i, i, 0, 0, command::Encoding::json, true, "", std::string(1000, '1')});
  }
  std::size_t longest = 0, pieces = 0;
  StateWriter writer(state, [&](std::string_view bytes) {
    longest = std::max(longest, bytes.size());
    ++pieces;
  });
  writer.channel(state.channels[0]);
  EXPECT_GT(pieces, 20U);  // before the end
  writer.finish();
  EXPECT_LT(longest, 70'000U);
}

TEST(StateCodecDeathTest, Never_writes_what_it_would_not_read) {
  const SavedState state = small_state();
  const auto write = [&](auto spoil) {
    SavedState spoilt = state;
    spoil(spoilt);
    static_cast<void>(written(spoilt));
  };
  EXPECT_DEATH(write([](SavedState& s) { s.epoch = "a:b"; }), "invariant broken");
  EXPECT_DEATH(write([](SavedState& s) { s.sequence = 8; }), "invariant broken");
  EXPECT_DEATH(write([](SavedState& s) { s.channels[0].name = "a b"; }), "invariant broken");
  EXPECT_DEATH(write([](SavedState& s) { s.channels[0].messages[1].offset = 5; }), "invariant broken");
  EXPECT_DEATH(write([](SavedState& s) { s.channels[0].messages[1].data_json.clear(); }), "invariant broken");
  EXPECT_DEATH(write([](SavedState& s) { s.channels[0].keys[0].offset = 10; }), "invariant broken");
}

}  // namespace
}  // namespace crier::state
