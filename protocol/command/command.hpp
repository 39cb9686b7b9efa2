// Commands, as values. Views point into the message that was parsed, or into the parser's own store;
// they stay valid until the parser's next message, and no longer than the message's bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/command/channel_name.hpp"

namespace crier::command {

// The client's own name for a command, which comes back on the reply: nothing, an integer within
// ±(2^53−1), or a string of at most 64 bytes.
using CommandId = std::variant<std::monostate, std::int64_t, std::string>;

enum class Op : std::uint8_t {
  auth,
  subscribe,
  unsubscribe,
  publish,
  history,
  presence,
  channels,
  disconnect,
  kick,
  ping,
};
inline constexpr std::size_t op_count = 10;
[[nodiscard]] constexpr std::string_view to_string(Op op) {
  switch (op) {
    case Op::auth: return "auth";
    case Op::subscribe: return "subscribe";
    case Op::unsubscribe: return "unsubscribe";
    case Op::publish: return "publish";
    case Op::history: return "history";
    case Op::presence: return "presence";
    case Op::channels: return "channels";
    case Op::disconnect: return "disconnect";
    case Op::kick: return "kick";
    case Op::ping: return "ping";
  }
  __builtin_unreachable();
}

struct Auth {
  std::string_view token;
};
struct Subscribe {
  std::string_view channel;  // a name, or a pattern
  bool pattern = false;
  std::optional<Position> since;
  std::optional<std::uint64_t> last;
  bool presence = false;
};
struct Unsubscribe {
  std::string_view channel;  // a name, or a pattern
};
// JSON text as it came, or the bytes behind `"encoding":"base64"` / a CBOR byte string, still encoded.
enum class Encoding : std::uint8_t { json, base64 };
struct Publish {
  std::string_view channel;  // exactly one of the two is given
  std::span<const std::string_view> channels;
  bool broadcast = false;               // `channels` was given
  std::string_view data;                // one valid JSON value, byte for byte as it came, no white space around
  Encoding encoding = Encoding::json;   // base64: `data` is a JSON string of valid base64
  std::optional<std::string_view> key;  // idempotency
  bool echo = true;
  std::optional<std::string_view> exclude;  // a session id
  std::optional<std::string_view> conflate;
  std::optional<std::uint64_t> ttl_s;
};
struct History {
  std::string_view channel;
  std::optional<Position> since;
  std::optional<std::uint64_t> limit;
  bool reverse = false;
  std::optional<std::string_view> cursor;
};
struct Presence {
  std::string_view channel;
  std::optional<std::string_view> cursor;
};
struct Channels {
  std::optional<std::string_view> pattern;
  std::optional<std::string_view> cursor;
  std::optional<std::uint64_t> limit;
};
struct Disconnect {  // exactly one of the two
  std::optional<std::string_view> user;
  std::optional<std::string_view> session;
};
struct Kick {
  std::optional<std::string_view> user;
  std::optional<std::string_view> session;
  std::string_view channel;
};
struct PingCommand {};

struct Command {
  CommandId id;
  std::variant<Auth, Subscribe, Unsubscribe, Publish, History, Presence, Channels, Disconnect, Kick, PingCommand> body;

  // The alternatives stand in the order of Op.
  [[nodiscard]] Op op() const { return static_cast<Op>(body.index()); }
};
static_assert(std::variant_size_v<decltype(Command::body)> == op_count);

inline constexpr std::size_t commands_per_message_max = 1000;
inline constexpr std::size_t channels_per_publish_max = 1000;
inline constexpr std::size_t nesting_max = 64;
inline constexpr std::size_t id_bytes_max = 64;

// Why a message was refused as a whole: none of its commands ran.
struct CommandError {
  Error error;                       // code bad_request or limit_exceeded; field; a detail that names the byte or field
  std::optional<std::size_t> index;  // of the offending command, when the message is an array
  CommandId id;                      // of the offending command, where it could be read
  std::string command;               // its op, where it could be read
  std::string channel;               // its channel, where it could be read
};

// What one message holds: the commands in order, and whether they stood in an array.
struct CommandBatch {
  std::span<const Command> commands;
  bool array = false;
};

}  // namespace crier::command
