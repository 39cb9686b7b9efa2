// What a broker says, as a client reads it: replies and pushes, out of their JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/base/result.hpp"
#include "protocol/command/command_fields.hpp"
#include "protocol/command/reply.hpp"

namespace crier::command {

// A `message` push. The views point into the text, or into the reader.
struct ReceivedMessage {
  std::string_view channel;
  std::string_view pattern;    // "" for none
  std::string_view data_json;  // byte for byte as it came, no white space around
  Encoding encoding = Encoding::json;
  std::string_view position;  // "" for none
  std::int64_t time_ms = 0;
};

// An op that this version does not know: to be passed over, as a later broker may say more.
struct UnknownMessage {};

using ServerMessage = std::variant<ReceivedMessage, Reply, Push, UnknownMessage>;

// Reads one message at a time. Strict about JSON, and about the fields that it needs; unknown fields are passed over,
// and so is the order of the known ones. An unknown error code is `internal`. Keeps its memory. Not thread-safe.
class ServerMessageReader {
 public:
  // `text` is valid UTF-8 (the WebSocket layer saw to that). Views in the result end with the next call, or with
  // `text`. The error is a sentence: what is wrong, and where.
  [[nodiscard]] Result<ServerMessage, std::string> read(std::string_view text);

 private:
  DecodedText decoded_;  // escaped strings of the current message
};

}  // namespace crier::command
