// The data of every published message: a marker that says which message it is and when it was due, then words, then
// a '~' that shows that it came whole.
//
//   @@TTTTTTTTTTTTLLLLSSSSSSSSCCCCCPPPwords and words...~       hexadecimal: time, slot, sequence, channel, publisher
//
// Nothing in it needs escaping in a JSON string, so that it comes out of the broker as it went in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace crier::cli::benchmark {

inline constexpr std::size_t marker_bytes = 34;
inline constexpr std::size_t payload_bytes_min = 40;
inline constexpr char payload_end = '~';

inline constexpr std::uint32_t publishers_max = 1U << 12;
inline constexpr std::uint32_t channels_max = 1U << 20;
inline constexpr std::uint32_t slots_max = 1U << 16;
inline constexpr std::int64_t marker_time_max_ns = (std::int64_t{1} << 48) - 1;

struct Marker {
  std::int64_t time_ns = 0;     // when the message was due, since the run's beginning; below 2^48
  std::uint32_t slot = 0;       // where the publisher keeps account of it, while it is in flight
  std::uint32_t sequence = 0;   // of this publisher's messages on this channel: 0, 1, 2 and so on
  std::uint32_t channel = 0;    // which of the run's
  std::uint32_t publisher = 0;  // likewise

  friend bool operator==(const Marker&, const Marker&) = default;
};

// Writes marker_bytes at `out`.
void write_marker(char* out, const Marker& marker);
// Nothing, where `text` does not begin with a marker. Never reads beyond it.
[[nodiscard]] std::optional<Marker> read_marker(std::string_view text);

// The payloads of a run: one for each size, in the order in which they were asked for. Messages take them in turn.
class Payloads {
 public:
  // Sizes of at least payload_bytes_min.
  explicit Payloads(std::span<const std::size_t> sizes);

  // The payload of a channel's message with that number, its marker not yet written. Every thread needs its own copy
  // of this object, since the marker is written in place.
  [[nodiscard]] std::string& of(std::uint32_t sequence) { return texts_[sequence % texts_.size()]; }
  [[nodiscard]] std::size_t bytes_of(std::uint32_t sequence) const { return texts_[sequence % texts_.size()].size(); }

 private:
  std::vector<std::string> texts_;
};

}  // namespace crier::cli::benchmark
