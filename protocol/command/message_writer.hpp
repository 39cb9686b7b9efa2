// The `message` push, written in two halves into memory of the caller's: the hot path of the broker.
//
// The publisher's side writes everything that it knows; the channel's home adds what only it knows,
// position and time, at the end. So the data is copied once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/command/json_codec.hpp"

namespace crier::command {

// How the position begins in what write_message_close writes, when it is not left out; its text ends with a
// quote.
inline constexpr std::string_view position_member_head = R"(,"position":")";
// Of the text and that quote.
inline constexpr std::size_t position_bytes_max = 16 + 1 + 20 + 1;

// Where things stand in what write_message_open wrote.
struct OpenedMessage {
  std::size_t bytes = 0;
  std::size_t channel_at = 0;
  std::size_t data_at = 0;
};

// Writes up to and including `data` (and `encoding`); of `push` it takes channel, pattern, data_json and
// encoding. `out` must hold json_bytes_max(push), with an epoch as long as the later one.
[[nodiscard]] OpenedMessage write_message_open(char* out, const MessagePush& push);

// Writes the rest; returns its end. An empty epoch leaves the position out.
[[nodiscard]] char* write_message_close(char* out, std::string_view epoch, std::uint64_t offset, std::int64_t time_ms);

}  // namespace crier::command
