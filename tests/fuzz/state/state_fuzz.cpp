// Properties: whatever a file holds, it is refused with a bounded sentence or taken whole; what was taken is
// written again as exactly the bytes it was read from, so nothing was guessed, ignored or repaired.
//
// The end record (channels, length, checksum) is made right here: no mutation would find a checksum. An input
// is what stands before it, and first the number of channels, in one byte.
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/state/format.hpp"
#include "broker/state/sha256.hpp"
#include "broker/state/state_codec.hpp"
#include "protocol/base/check.hpp"

namespace {

using namespace crier::state;

void put(std::string& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

std::string ended(std::string_view records, std::uint8_t channels) {
  std::string file(records);
  file += static_cast<char>(end_tag);
  put(file, channels);
  put(file, file.size() + 8 + sha256_bytes);
  Sha256 digest;
  digest.feed(file);
  const auto sum = digest.finish();
  return file.append(sum.data(), sum.size());
}

void check(std::string_view file) {
  const auto read = read_state(file);
  if (!read) {
    CRIER_ASSERT(!read.error().empty() && read.error().size() < 600);
    return;
  }
  std::string again;
  StateWriter writer(*read, [&](std::string_view bytes) { again += bytes; });
  for (const SavedChannel& channel : read->channels) writer.channel(channel);
  writer.finish();
  CRIER_ASSERT(again == file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input);
  if (!input.empty()) check(ended(input.substr(1), data[0]));
  return 0;
}
