// The id of a server-sent event: where a whole stream stands, in every channel of it, as one word that a
// browser stores and sends back by itself.
//
// base64url without padding (RFC 4648, section 5) of
//
//   version            1 byte
//   stream             4 bytes: which channels these are, see stream_mark
//   channels           1 byte: how many
//   epochs             1 byte: how many; then each as its length in one byte and its characters
//   for each channel   1 byte: 0 for no position, otherwise which epoch, from 1; then the offset, as LEB128
//
// Epochs stand in the order of their first use, and there is one text for one value: what was made longer,
// reordered or padded by somebody is not read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::command {

inline constexpr std::size_t stream_channels_max = 32;

// Tells streams of other channels, or of the same ones in another order, from this one: offsets look alike,
// and a position of one channel must never be taken for one of another.
[[nodiscard]] std::uint32_t stream_mark(std::span<const std::string> channels);

// `positions` are those of the marked channels, in their order. Takes no memory but `out`'s: it runs for each
// message and stream.
void append_stream_position(std::string& out, std::uint32_t mark, std::span<const std::optional<Position>> positions);

// Errors: bad_request, without a field, for anything but a text that append_stream_position wrote for the
// same mark and number of channels.
[[nodiscard]] Result<std::vector<std::optional<Position>>> parse_stream_position(std::string_view text,
                                                                                 std::uint32_t mark,
                                                                                 std::size_t channel_count);

}  // namespace crier::command
