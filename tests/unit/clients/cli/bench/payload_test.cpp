#include "clients/cli/bench/payload.hpp"

#include <gtest/gtest.h>

#include <array>

namespace crier::cli::benchmark {
namespace {

constexpr Marker largest{marker_time_max_ns, slots_max - 1, UINT32_MAX, channels_max - 1, publishers_max - 1};
constexpr Marker some{1'234'567'890'123, 7, 42, 999, 3};

std::string written(const Marker& marker) {
  std::string text(marker_bytes, '\0');
  write_marker(text.data(), marker);
  return text;
}

TEST(Marker, Comes_back_as_it_was_written) {
  for (const Marker& marker : {Marker{}, some, largest}) EXPECT_EQ(read_marker(written(marker)), marker);
}

TEST(Marker, Is_read_from_the_front_of_a_longer_text) {
  EXPECT_EQ(read_marker(written(some) + "and so on~"), some);
}

TEST(Marker, Is_none_when_a_byte_is_missing_or_no_digit) {
  const std::string whole = written(some);
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) EXPECT_FALSE(read_marker(whole.substr(0, bytes)));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      const auto c = static_cast<char>(byte);
      const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      std::string damaged = whole;
      damaged[at] = c;
      EXPECT_EQ(read_marker(damaged).has_value(), at < 2 ? c == '@' : digit) << at << ": " << byte;
    }
  }
}

TEST(Payloads, Have_the_sizes_asked_for_in_turn_and_end_with_their_end) {
  constexpr std::array<std::size_t, 3> sizes = {40, 128, 16'384};
  Payloads payloads(sizes);
  for (std::uint32_t sequence = 0; sequence < 9; ++sequence) {
    const std::string& text = payloads.of(sequence);
    EXPECT_EQ(text.size(), sizes[sequence % 3]);
    EXPECT_EQ(payloads.bytes_of(sequence), text.size());
    EXPECT_EQ(text.back(), payload_end);
  }
}

TEST(Payloads, Need_no_escape_in_JSON) {
  constexpr std::array<std::size_t, 1> sizes = {100'000};
  Payloads payloads(sizes);
  for (const char c : payloads.of(0)) {
    EXPECT_TRUE(c >= ' ' && c <= '~' && c != '"' && c != '\\') << static_cast<int>(c);
  }
}

}  // namespace
}  // namespace crier::cli::benchmark
