// Channel names, patterns and positions: valid by construction.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/result.hpp"

namespace crier::command {

inline constexpr std::size_t channel_name_bytes_max = 255;

// 1 to 255 bytes: an optional namespace [A-Za-z0-9_-]+ and ':' (only the first ':' counts), then tokens
// of printable ASCII without space, '*', '>', '"', '\', separated by '.', none empty. Answers
// "" when `text` is valid, otherwise what is wrong and where, as the rest of a sentence that begins with the
// name: "has a space at character 6, but ...".
[[nodiscard]] std::string check_channel_name(std::string_view text);

// The same, where '*' may stand for one token and a last '>' for one or more. A namespace is literal.
// A valid channel name is not a pattern: at least one wildcard is needed.
[[nodiscard]] std::string check_channel_pattern(std::string_view text);

// Does the text hold a wildcard anywhere, so that it must be judged as a pattern? No name holds one.
[[nodiscard]] bool looks_like_pattern(std::string_view text);

// Before the first ':', "" without one. For valid names and patterns.
[[nodiscard]] std::string_view namespace_of(std::string_view channel);

// A place in a channel's order: `epoch:offset` on the wire, opaque to clients.
struct Position {
  std::string epoch;         // [0-9A-Za-z]{1,16}
  std::uint64_t offset = 0;  // grows strictly within a channel and epoch; not dense

  // Errors: bad_request without a field, which is the caller's to name. Leading zeros are read, not kept.
  [[nodiscard]] static Result<Position> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Position&, const Position&) = default;
};

}  // namespace crier::command
