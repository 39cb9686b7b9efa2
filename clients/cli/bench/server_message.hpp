// What a broker says, looked at no closer than a load test needs: of a message only its head and its data, and only
// of what comes seldom all fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace crier::cli::benchmark {

// The text of the frame at the front of `input`, which it takes away: if that lies there whole, uncompressed and no
// fragment, as nearly every message does. Nothing is taken otherwise, whatever is wrong: a MessageAssembler (between
// two frames of a message it alone may look) says more. Bytes are not looked at for UTF-8's sake, which at 16 KiB would
// cost more than all else here.
[[nodiscard]] std::optional<std::string_view> take_whole_text(std::span<char>& input, std::size_t bytes_max);

inline constexpr std::string_view message_start = R"({"op":"message",)";

// Where the data begins in the messages of a channel, behind its quotation mark.
[[nodiscard]] std::size_t data_offset(std::string_view channel);

// What stands behind the quotation mark of the data of a message, up to the end of the push. "" where there is no
// text as data. `expected_at` is where it usually begins.
[[nodiscard]] std::string_view data_of(std::string_view push, std::size_t expected_at);

// The id of a `published`, where it is a number; nothing for every other push.
[[nodiscard]] std::optional<std::uint64_t> published_id(std::string_view push);

// Everything that comes seldom.
struct Notice {
  std::string op;  // "": no push of a broker's
  std::string channel;
  std::string code;
  std::string text;  // of an error its message, of an unsubscribed its reason
  std::optional<std::uint64_t> id;
  std::uint64_t lost = 0;  // of a gap
};

[[nodiscard]] Notice read_notice(std::string_view push);

}  // namespace crier::cli::benchmark
