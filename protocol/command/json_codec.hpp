// JSON <-> commands, replies and pushes.
//
// Parsing is our own single pass, not a JSON library's tree: a publish's `data` is validated and passed
// on as the bytes that came in, an error names the byte, duplicate keys, lone surrogates and deep
// nesting are found on the way, and no memory is taken for a plain publish.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/result.hpp"
#include "protocol/command/command.hpp"
#include "protocol/command/reply.hpp"

namespace crier::command {

// Parses one message: a command or an array of commands. Keeps its memory from message to message (and
// gives it back after an unusually large one); one a thread. Not thread-safe.
//
// Refusals, all `bad_request` but for the counts above commands_per_message_max and channels_per_publish_max,
// which are `limit_exceeded`:
//  * What is no JSON, or nested deeper than 64, is told by its byte (from 0) and what was expected there; it
//    goes before all else, and names no command.
//  * Then the first bad command, with its index in an array and, where they could be read, its id, op and
//    valid channel. `error.field` is the field, `error.detail` a sentence that begins with it.
//  * Two equal keys in one command, also unknown ones; not inside `data`, which is passed on as it is.
// Fields that the op does not know are ignored, whatever they hold. `null` is no value of any field but
// `data`, not even of an optional one. Integers are plain ones, without fraction and exponent. Lengths are
// those of the decoded text: `token` 1 to 65,536 bytes, `key` and `conflate` 1 to 128, `exclude` and
// `session` 1 to 64, `user` 1 to 256, `cursor` 1 to 1,024; `ttl` is 1 to 10^9 s. With `encoding`, `data` is a
// string of padded base64 without escapes. A text of a channel's name may hold escapes.
class JsonCommandParser {
 public:
  JsonCommandParser();
  ~JsonCommandParser();
  // `message` is valid UTF-8 (the WebSocket layer saw to that; HTTP bodies are checked by the caller).
  // The batch and its views live until the next call, and no longer than `message`.
  [[nodiscard]] Result<CommandBatch, CommandError> parse(std::string_view message);

 private:
  struct Store;
  std::unique_ptr<Store> store_;
};

// Each appends exactly one compact JSON object, `op` first, the members in protocol/README.md's order. What
// is absent is left out: optionals, empty cursors, an error's unknown command and channel, a stored message's
// empty channel, and `more` of `subscribed` when nothing was cut.
void append_json(std::string& out, const Reply& reply);
void append_json(std::string& out, const Push& push);

// {"op":"message","channel":…,"data":…,"position":…,"time":…}, with "encoding":"base64" after data for
// bytes and "pattern" after channel where one is given. `data_json` is inserted as it is, and so are
// channel, pattern and epoch: valid ones hold nothing that JSON escapes.
struct MessagePush {
  std::string_view channel;
  std::string_view pattern;  // "" for none
  std::string_view data_json;
  Encoding encoding = Encoding::json;
  std::string_view epoch;  // "" when the channel keeps no history: no position
  std::uint64_t offset = 0;
  std::int64_t time_ms = 0;
};
void append_json(std::string& out, const MessagePush& push);
// An upper bound of what append_json(MessagePush) writes, at most 64 bytes above it, so that a buffer can be sized
// once.
[[nodiscard]] std::size_t json_bytes_max(const MessagePush& push);

// A JSON string with its quotes. `text` must be UTF-8; what is not becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace crier::command
