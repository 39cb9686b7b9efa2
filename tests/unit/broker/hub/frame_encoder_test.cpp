#include "broker/hub/frame_encoder.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/server_frames.hpp"

namespace crier::hub {
namespace {

MessagePtr message(const std::string& data, bool compressible = true) {
  return MessageDraft("a", hash_of("a"), data, {.compressible = compressible}).seal({"e", 1, 1, 1});
}

testing::ServerFrame encode(FrameEncoder& encoder, const Message& message, WireForm form) {
  std::string out = "before";
  encoder.append(out, message, form);
  EXPECT_EQ(out.substr(0, 6), "before");
  auto frames = testing::read_server_frames(std::string_view(out).substr(6));
  EXPECT_EQ(frames.size(), 1U);
  return frames.at(0);
}

TEST(FrameEncoder, Writes_what_inflates_to_the_very_same_push_in_both_windows) {
  FrameEncoder encoder({.bytes_min = 256, .level = 1});
  for (const std::size_t bytes : {300U, 3000U, 70'000U}) {
    std::string data = "\"";
    for (std::size_t i = 0; data.size() < bytes; ++i) data += "word" + std::to_string(i % 50);
    const MessagePtr sealed = message(data + '"');
    for (const WireForm form : {WireForm::json_deflate_full, WireForm::json_deflate_small, WireForm::json}) {
      const testing::ServerFrame frame = encode(encoder, *sealed, form);
      EXPECT_EQ(frame.compressed, form != WireForm::json);
      EXPECT_EQ(frame.payload, sealed->json());
    }
  }
}

TEST(FrameEncoder, Leaves_pushes_below_its_minimum_as_they_are) {
  const MessagePtr sealed = message('"' + std::string(200, 'x') + '"');
  const std::size_t bytes = sealed->json().size();
  FrameEncoder above({.bytes_min = bytes + 1, .level = 1});
  EXPECT_FALSE(encode(above, *sealed, WireForm::json_deflate_full).compressed);
  FrameEncoder at({.bytes_min = bytes, .level = 1});
  EXPECT_TRUE(encode(at, *sealed, WireForm::json_deflate_full).compressed);
}

TEST(FrameEncoder, Leaves_alone_what_its_namespace_keeps_from_compression) {
  FrameEncoder encoder({.bytes_min = 1, .level = 1});
  const MessagePtr sealed = message('"' + std::string(2000, 'x') + '"', /*compressible=*/false);
  EXPECT_FALSE(encode(encoder, *sealed, WireForm::json_deflate_full).compressed);
  EXPECT_FALSE(encode(encoder, *sealed, WireForm::json_deflate_small).compressed);
}

TEST(FrameEncoder, Sends_uncompressed_what_compression_would_make_longer) {
  std::mt19937_64 random(1);
  std::string data = "\"";
  // Hardly two equal bytes in a row: every printable character but the quote and the backslash.
  while (data.size() < 300) {
    const char c = static_cast<char>(' ' + random() % 95);
    if (c != '"' && c != '\\') data += c;
  }
  FrameEncoder encoder({.bytes_min = 1, .level = 1});
  for (std::size_t bytes = 2; bytes < 300; ++bytes) {
    const MessagePtr sealed = message(data.substr(0, bytes) + '"');
    std::string out;
    encoder.append(out, *sealed, WireForm::json_deflate_small);
    EXPECT_LE(out.size(), sealed->frame().size());
  }
}

}  // namespace
}  // namespace crier::hub
