// Properties: what is taken as a stream's position is written again as the very same text, for any number of
// channels; a cut of it is not taken; a refusal is a short sentence. And what we write of positions that the
// input describes comes back as it was.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/check.hpp"
#include "protocol/command/stream_position.hpp"

namespace {

using namespace crier::command;
using Positions = std::vector<std::optional<Position>>;

void read(std::string_view text, std::uint32_t mark, std::size_t channels) {
  const auto parsed = parse_stream_position(text, mark, channels);
  if (!parsed) {
    CRIER_ASSERT(parsed.error().code == crier::ErrorCode::bad_request);
    CRIER_ASSERT(!parsed.error().detail.empty() && parsed.error().detail.size() < 600);
    return;
  }
  CRIER_ASSERT(parsed->size() == channels);
  for (const auto& position : *parsed) {
    if (!position) continue;
    const auto again = Position::parse(position->text());
    CRIER_ASSERT(again && *again == *position);
  }
  std::string written;
  append_stream_position(written, mark, *parsed);
  CRIER_ASSERT(written == text);
  CRIER_ASSERT(!parse_stream_position(text.substr(0, text.size() - 1), mark, channels));
  CRIER_ASSERT(!parse_stream_position(text, mark + 1, channels));
  CRIER_ASSERT(!parse_stream_position(text, mark, channels % stream_channels_max + 1));
}

// Each byte makes one channel: which epoch, and how long an offset.
void write(std::string_view input, std::uint32_t mark) {
  Positions positions;
  std::uint64_t offset = 1;
  for (const char c : input.substr(0, stream_channels_max)) {
    const auto byte = static_cast<std::uint8_t>(c);
    offset = offset * 6364136223846793005U + byte;
    positions.emplace_back();
    if (byte % 8 != 0) positions.back() = Position{std::string(1 + byte % 16, 'k'), offset >> (1 + byte % 63)};
  }
  if (positions.empty()) return;
  std::string text;
  append_stream_position(text, mark, positions);
  const auto parsed = parse_stream_position(text, mark, positions.size());
  CRIER_ASSERT(parsed && *parsed == positions);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  write(input, static_cast<std::uint32_t>(size));
  if (input.empty()) return 0;
  // The first byte says of how many channels the stream is; seeds are marked with "seed".
  const std::size_t channels = 1 + static_cast<std::uint8_t>(input.front()) % stream_channels_max;
  read(input.substr(1), 0x73656564, channels);
  return 0;
}
