#include "tests/bench/load/marker.hpp"

#include <algorithm>

#include "tests/bench/load/random.hpp"

namespace crier::bench {

namespace {

void put_hex(char* out, std::uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value >>= 4) out[i] = "0123456789abcdef"[value & 15];
}

}  // namespace

// The padding compresses about as well as ordinary text.
std::string make_payload(std::size_t size) {
  static constexpr std::array<const char*, 24> words{"price",  "order",    "update", "the",    "market", "user",
                                                     "joined", "position", "left",   "right",  "score",  "of",
                                                     "and",    "message",  "typing", "online", "sensor", "value",
                                                     "is",     "in",       "room",   "alpha",  "north",  "status"};
  Random random{7};
  std::string payload(marker_size, '@');
  while (payload.size() < size) {
    payload += words[random.below(words.size())];
    payload += ' ';
    if (random.below(4) == 0) payload += std::to_string(random.below(100000)) + ' ';
  }
  payload.resize(std::max(size, marker_size));
  if (size > marker_size) payload.back() = payload_end;
  return payload;
}

void write_marker(char* out, const Marker& marker) {
  out[0] = out[1] = out[38] = out[39] = '@';
  put_hex(out + 2, static_cast<std::uint64_t>(marker.time), 16);
  out[18] = ':';
  put_hex(out + 19, marker.seq, 8);
  out[27] = ':';
  put_hex(out + 28, marker.publisher, 3);
  out[31] = ':';
  put_hex(out + 32, marker.channel, 6);
}

}  // namespace crier::bench
