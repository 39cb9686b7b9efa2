// From a JSON command's fields to a command.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/command/command.hpp"
#include "protocol/command/command_fields.hpp"

namespace crier::command {

inline constexpr std::size_t publish_key_bytes_max = 128;  // `key` and `conflate`
inline constexpr std::size_t session_id_bytes_max = 64;    // ours have 32; other versions' may differ
inline constexpr std::size_t user_bytes_max = 256;         // as a token's `sub`
inline constexpr std::size_t cursor_bytes_max = 1024;      // ours to make: a channel's name and change
inline constexpr std::uint64_t ttl_s_max = 1'000'000'000;  // 30 years: beyond it is a unit mixed up
inline constexpr std::uint64_t count_max = (std::uint64_t{1} << 53) - 1;

// Where broadcasts put their channels, until the whole message is read and the list moves no more.
struct ChannelLists {
  struct Range {
    std::size_t command = 0;
    std::size_t first = 0;
    std::size_t count = 0;
  };
  std::vector<std::string_view> names;
  std::vector<Range> ranges;
  std::vector<std::string_view> sorted;  // scratch
};

[[nodiscard]] std::optional<Op> op_named(std::string_view name);

// Fills `command` from the fields that its op knows and ignores all others. Answers why it cannot, with
// command.id set where the id was good. `index` is the command's in the message.
[[nodiscard]] std::optional<Error> read_command(const RawCommand& raw, std::size_t index, DecodedText& decoded,
                                                ChannelLists& lists, Command& command);

}  // namespace crier::command
