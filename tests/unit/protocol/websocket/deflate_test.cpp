#include "protocol/websocket/deflate.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "tests/support/every_cut.hpp"

namespace crier::websocket {
namespace {

using testing::for_every_cut;

constexpr std::size_t plenty = 16 * 1024 * 1024;
constexpr std::array both_windows = {DeflateWindow::full, DeflateWindow::small};

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

struct Inflated {
  std::optional<InflateError> error;
  std::string text;
};

Inflated inflate(std::string_view payload, std::size_t message_bytes_max = plenty) {
  Inflater inflater;
  Inflated result;
  result.error = inflater.inflate(payload, message_bytes_max, result.text);
  return result;
}

std::string random_text(std::mt19937_64& random, std::size_t size, int letters) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random() % static_cast<std::uint64_t>(letters));
  return text;
}

std::uint64_t drawn_seed() {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed: %llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

// A decompressor that has only as much window as was negotiated, as a small client has. nullopt: not enough.
std::optional<std::string> inflate_with_window(std::string_view payload, int window_bits, std::size_t size) {
  std::string wire(payload);
  wire.append("\x00\x00\xff\xff", 4);
  std::string out(size + 1, '\0');
  z_stream z{};
  EXPECT_EQ(inflateInit2(&z, -window_bits), Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(wire.data());
  z.avail_in = static_cast<uInt>(wire.size());
  // In small steps: with room for all of it zlib would use the output as its window, however far back.
  int status = Z_OK;
  std::size_t produced = 0;
  while (status == Z_OK && produced < out.size()) {
    const std::size_t room = std::min<std::size_t>(64, out.size() - produced);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + produced);
    z.avail_out = static_cast<uInt>(room);
    status = ::inflate(&z, Z_SYNC_FLUSH);
    produced += room - z.avail_out;
  }
  inflateEnd(&z);
  if (status != Z_BUF_ERROR) return std::nullopt;  // which is how the end of a sync flush shows
  out.resize(produced);
  return out;
}

// ---- RFC 7692's examples ----

TEST(Inflater, Reads_the_one_block_example_of_RFC_7692) {
  const Inflated result = inflate(bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}));
  EXPECT_EQ(result.error, std::nullopt);
  EXPECT_EQ(result.text, "Hello");
}

TEST(Inflater, Reads_the_block_without_compression_of_RFC_7692) {
  const Inflated result = inflate(bytes({0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00}));
  EXPECT_EQ(result.error, std::nullopt);
  EXPECT_EQ(result.text, "Hello");
}

TEST(Inflater, Reads_the_final_block_of_RFC_7692) {
  const Inflated result = inflate(bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}));
  EXPECT_EQ(result.error, std::nullopt);
  EXPECT_EQ(result.text, "Hello");
}

TEST(Inflater, Reads_the_two_blocks_of_RFC_7692) {
  const Inflated result =
      inflate(bytes({0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00}));
  EXPECT_EQ(result.error, std::nullopt);
  EXPECT_EQ(result.text, "Hello");
}

TEST(Inflater, Reads_the_empty_message_of_RFC_7692) {
  const Inflated result = inflate(bytes({0x00}));
  EXPECT_EQ(result.error, std::nullopt);
  EXPECT_EQ(result.text, "");
}

TEST(Inflater, Keeps_no_window_between_messages_so_that_the_context_takeover_example_is_corrupt) {
  Inflater inflater;
  std::string out;
  ASSERT_EQ(inflater.inflate(bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}), plenty, out), std::nullopt);
  EXPECT_EQ(inflater.inflate(bytes({0xf2, 0x00, 0x11, 0x00, 0x00}), plenty, out), InflateError::corrupt);
  EXPECT_EQ(out, "");
}

TEST(Deflater, Writes_the_example_of_RFC_7692_and_writes_it_again) {
  Deflater deflater(6);
  for (const DeflateWindow window : both_windows) {
    EXPECT_EQ(deflater.compress("Hello", window), bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}));
    EXPECT_EQ(deflater.compress("Hello", window), bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}));
  }
}

TEST(Deflater, Writes_an_empty_message_as_one_zero_byte_at_every_level) {
  for (int level = 1; level <= 9; ++level) {
    Deflater deflater(level);
    for (const DeflateWindow window : both_windows) {
      EXPECT_EQ(deflater.compress("", window), bytes({0x00}));
      EXPECT_EQ(deflater.compress("", window), bytes({0x00}));
    }
  }
}

// ---- Final blocks, cuts, garbage ----

TEST(Inflater, Goes_on_behind_a_final_block) {
  const Inflated result = inflate(bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00,     // Hello, final
                                         0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00,     // Hello, final
                                         0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}));  // Hello
  EXPECT_EQ(result.error, std::nullopt);
  EXPECT_EQ(result.text, "HelloHelloHello");
}

TEST(Inflater, Takes_a_message_that_ends_with_its_final_block) {
  const Inflated result = inflate(bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}));
  EXPECT_EQ(result.error, std::nullopt);
  EXPECT_EQ(result.text, "Hello");
}

TEST(Inflater, Takes_a_final_stored_block_whose_length_is_the_tail) {
  const Inflated result = inflate(bytes({0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x01}));
  EXPECT_EQ(result.error, std::nullopt);
  EXPECT_EQ(result.text, "Hello");
}

TEST(Inflater, Measures_the_limit_across_final_blocks) {
  std::string payload;
  for (int i = 0; i < 1000; ++i) payload += bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  EXPECT_EQ(inflate(payload, 5000).error, std::nullopt);
  EXPECT_EQ(inflate(payload, 4999).error, InflateError::too_big);
}

TEST(Inflater, Calls_a_message_corrupt_wherever_it_is_cut_short) {
  const auto examples = {
      bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}),
      bytes({0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00}),
      bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}),
  };
  for (const std::string& example : examples) {
    for_every_cut(example, [&](std::string_view first, std::string_view) {
      const Inflated result = inflate(first);
      if (first.size() == example.size()) {
        EXPECT_EQ(result.text, "Hello");
      } else if (first == bytes({0x00})) {
        EXPECT_EQ(result.error, std::nullopt) << "that is the empty message";
      } else {
        EXPECT_EQ(result.error, InflateError::corrupt) << first.size();
        EXPECT_EQ(result.text, "");
      }
    });
  }
}

TEST(Inflater, Does_not_take_the_tail_for_the_four_bytes_that_a_stored_block_lacks) {
  EXPECT_EQ(inflate(bytes({0x00, 0x05, 0x00, 0xfa, 0xff, 'H'})).error, InflateError::corrupt);
  EXPECT_EQ(inflate(bytes({0x01, 0x05, 0x00, 0xfa, 0xff, 'H'})).error, InflateError::corrupt);
}

TEST(Inflater, Calls_a_long_message_corrupt_when_its_last_byte_is_missing) {
  Deflater deflater(6);
  std::mt19937_64 random(1);
  for (const DeflateWindow window : both_windows) {
    for (const int letters : {2, 20, 256}) {
      const std::string text = random_text(random, 100'000, letters);
      const std::string_view payload = deflater.compress(text, window);
      EXPECT_EQ(inflate(payload).text, text);
      EXPECT_EQ(inflate(payload.substr(0, payload.size() - 1)).error, InflateError::corrupt);
    }
  }
}

TEST(Inflater, Calls_garbage_behind_a_message_corrupt) {
  const std::string hello = bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  EXPECT_EQ(inflate(hello + "x").error, InflateError::corrupt);
  EXPECT_EQ(inflate(hello + hello + "\xff").error, InflateError::corrupt);
  EXPECT_EQ(inflate(bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xff})).error, InflateError::corrupt);
  EXPECT_EQ(inflate("\xff\xff\xff\xff").error, InflateError::corrupt);
}

TEST(Inflater, Calls_a_message_that_kept_its_tail_corrupt_no_more_than_the_RFC_does) {
  // 00 00 00 FF FF is an empty stored block; the tail that we add needs the 00 before it.
  EXPECT_EQ(inflate(bytes({0x00, 0x00, 0x00, 0xff, 0xff})).error, InflateError::corrupt);
  EXPECT_EQ(inflate(bytes({0x00, 0x00, 0x00, 0xff, 0xff, 0x00})).error, std::nullopt);
}

TEST(Inflater, Reads_the_next_message_after_a_corrupt_one_and_after_one_that_was_too_big) {
  const std::string hello = bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
  Inflater inflater;
  std::string out = "what was there before";
  EXPECT_EQ(inflater.inflate("\xff\xff", plenty, out), InflateError::corrupt);
  EXPECT_EQ(out, "");
  EXPECT_EQ(inflater.inflate(hello, plenty, out), std::nullopt);
  EXPECT_EQ(out, "Hello");
  EXPECT_EQ(inflater.inflate(hello, 4, out), InflateError::too_big);
  EXPECT_EQ(out, "");
  EXPECT_EQ(inflater.inflate(hello, 5, out), std::nullopt);
  EXPECT_EQ(out, "Hello");
}

// ---- Limits ----

TEST(Inflater, Stops_a_bomb_at_the_limit_and_holds_no_more_than_that) {
  constexpr std::size_t limit = 64 * 1024;
  Deflater deflater(9);
  const std::string_view bomb = deflater.compress(std::string(10'000'000, '\0'), DeflateWindow::full);
  ASSERT_LT(bomb.size(), 16'000u);
  Inflater inflater;
  std::string out;
  EXPECT_EQ(inflater.inflate(bomb, limit, out), InflateError::too_big);
  EXPECT_EQ(out, "");
  EXPECT_LE(out.capacity(), limit);
}

TEST(Inflater, Allows_exactly_the_limit_and_not_a_byte_more) {
  Deflater deflater(6);
  for (const std::size_t size : {1u, 2u, 100u, 16'383u, 16'384u, 16'385u, 32'768u, 65'536u, 1'000'000u}) {
    const std::string payload(deflater.compress(std::string(size, 'a'), DeflateWindow::full));
    Inflated result = inflate(payload, size);
    EXPECT_EQ(result.error, std::nullopt) << size;
    EXPECT_EQ(result.text.size(), size);
    EXPECT_LE(result.text.capacity(), std::max<std::size_t>(size, 15));
    EXPECT_EQ(inflate(payload, size - 1).error, InflateError::too_big) << size;
  }
}

TEST(Inflater, Allows_only_the_empty_message_under_a_limit_of_nothing) {
  EXPECT_EQ(inflate(bytes({0x00}), 0).error, std::nullopt);
  EXPECT_EQ(inflate(bytes({0x4a, 0x04, 0x00}), 0).error, InflateError::too_big);  // "a"
  EXPECT_EQ(inflate(bytes({0x4a, 0x04, 0x00}), 1).text, "a");
}

TEST(Inflater, Takes_memory_as_the_output_grows_and_not_as_the_limit_allows) {
  const Inflated result = inflate(bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}), plenty);
  EXPECT_LT(result.text.capacity(), 100u);
}

TEST(Deflater, Gives_its_memory_back_with_the_first_small_message_after_a_large_one) {
  Deflater deflater(1);
  (void)deflater.compress(std::string(1024 * 1024, 'x'), DeflateWindow::full);
  EXPECT_GE(deflater.buffer_bytes(), 1024u * 1024);
  EXPECT_EQ(inflate(deflater.compress("small", DeflateWindow::full)).text, "small");
  EXPECT_LE(deflater.buffer_bytes(), 64u * 1024);
}

// ---- Round trips ----

TEST(Deflater, Writes_what_the_inflater_reads_for_random_messages_of_every_kind) {
  std::mt19937_64 random(drawn_seed());
  Inflater inflater;
  std::string out;
  for (int level = 1; level <= 9; ++level) {
    Deflater deflater(level);
    for (int i = 0; i < 60; ++i) {
      const auto window = both_windows[random() % 2];
      const std::string text =
          random_text(random, random() % (random() % 2 == 0 ? 300 : 80'000), 1 + static_cast<int>(random() % 256));
      ASSERT_EQ(inflater.inflate(deflater.compress(text, window), text.size(), out), std::nullopt);
      ASSERT_EQ(out, text);
    }
  }
}

TEST(Deflater, Writes_messages_of_one_mebibyte_compressible_or_not) {
  std::mt19937_64 random(2);
  for (const int level : {1, 6, 9}) {
    Deflater deflater(level);
    for (const DeflateWindow window : both_windows) {
      const std::string noise = random_text(random, 1024 * 1024, 256);
      const std::string_view large = deflater.compress(noise, window);
      EXPECT_LT(large.size(), noise.size() + noise.size() / 16);
      EXPECT_EQ(inflate(large).text, noise);

      std::string text;
      while (text.size() < 1024 * 1024)
        text += R"({"op":"message","channel":"news","data":{"n":)" + std::to_string(text.size());
      const std::string_view small = deflater.compress(text, window);
      EXPECT_LT(small.size(), text.size() / 3);
      EXPECT_EQ(inflate(small).text, text);
    }
  }
}

TEST(Deflater, Keeps_to_the_small_window_so_that_a_client_with_nine_bits_can_read_it) {
  Deflater deflater(9);
  std::mt19937_64 random(3);
  const std::string block = random_text(random, 400, 256);
  std::string text;  // repeats at a distance of 400 (within 512) and of more
  for (int i = 0; i < 50; ++i) text += block + random_text(random, static_cast<std::size_t>(i) * 20, 256);
  const std::string payload(deflater.compress(text, DeflateWindow::small));
  EXPECT_EQ(inflate_with_window(payload, 9, text.size()), text);
  const std::string far(deflater.compress(text, DeflateWindow::full));
  EXPECT_EQ(inflate_with_window(far, 9, text.size()), std::nullopt);
  EXPECT_EQ(inflate_with_window(far, 15, text.size()), text);
}

TEST(Deflater, Changes_windows_between_messages_without_a_trace) {
  Deflater deflater(6);
  const std::string text(2000, 'a');
  const std::string full(deflater.compress(text, DeflateWindow::full));
  const std::string small(deflater.compress(text, DeflateWindow::small));
  EXPECT_EQ(deflater.compress(text, DeflateWindow::full), full);
  EXPECT_EQ(deflater.compress(text, DeflateWindow::small), small);
}

}  // namespace
}  // namespace crier::websocket
