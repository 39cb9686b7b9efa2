// Replies and pushes, as values: what the broker says. `json_codec.hpp` writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/command/command.hpp"

namespace crier::command {

struct Member {
  std::string session;
  std::optional<std::string> user;       // absent when anonymous
  std::optional<std::string> info_json;  // one JSON value, from the token
};

// A message of a history or a replay.
struct StoredMessage {
  std::string_view channel;
  std::string_view data_json;
  Encoding encoding = Encoding::json;
  std::optional<Position> position;
  std::int64_t time_ms = 0;
};

struct Authenticated {
  CommandId id;
  std::optional<std::string> user;
  std::optional<std::int64_t> expires_in_s;
};
struct Subscribed {
  CommandId id;
  std::string channel;
  std::optional<Position> position;
  std::optional<bool> recovered;  // only when `since` was given
  std::optional<std::uint64_t> replayed;
  std::optional<std::vector<Member>> members;
  bool more = false;  // `members` was cut at the reply's limit
  std::string cursor;
};
struct Unsubscribed {
  CommandId id;
  std::string channel;
};
struct Published {
  CommandId id;
  std::string channel;
  std::optional<Position> position;
};
struct PublishResult {  // one channel of a broadcast: a position, or an error
  std::string channel;
  std::optional<Position> position;
  std::optional<Error> error;
};
struct BroadcastPublished {
  CommandId id;
  std::vector<PublishResult> results;
};
struct HistoryReply {
  CommandId id;
  std::string channel;
  std::vector<StoredMessage> messages;
  std::optional<Position> position;
  bool more = false;
  std::string cursor;
};
struct PresenceReply {
  CommandId id;
  std::string channel;
  std::vector<Member> members;
  std::uint64_t count = 0;
  bool more = false;
  std::string cursor;
};
struct ChannelsReply {
  struct Entry {
    std::string channel;
    std::uint64_t subscribers = 0;
  };
  CommandId id;
  std::vector<Entry> channels;
  bool more = false;
  std::string cursor;
};
struct Disconnected {
  CommandId id;
  std::uint64_t count = 0;
};
struct Kicked {
  CommandId id;
  std::uint64_t count = 0;
};
struct PongReply {
  CommandId id;
};
// A command that failed. `command` and `channel` are "" where unknown.
struct ErrorReply {
  CommandId id;
  std::string command;
  std::string channel;
  Error error;
  std::optional<std::int64_t> retry_after_s;
};

using Reply = std::variant<Authenticated, Subscribed, Unsubscribed, Published, BroadcastPublished, HistoryReply,
                           PresenceReply, ChannelsReply, Disconnected, Kicked, PongReply, ErrorReply>;

struct Welcome {
  std::string session;
  std::string version;
  std::int64_t heartbeat_s = 25;
  std::optional<std::string> user;
  std::optional<std::int64_t> expires_in_s;
  struct Limit {
    std::string_view name;
    std::uint64_t value;
  };
  std::vector<Limit> limits;
};
// `message` has its own writer (the hot path): see append_message.
struct Join {
  std::string channel;
  Member member;
};
struct Leave {
  std::string channel;
  Member member;
};
// Above the limit the count alone, instead of single joins and leaves; otherwise the members anew.
struct PresencePush {
  std::string channel;
  std::optional<std::vector<Member>> members;
  std::uint64_t count = 0;
  bool more = false;  // `members` was cut at the limit of a reply
  std::string cursor;
};
struct Gap {
  std::string channel;
  std::optional<std::uint64_t> lost;
  bool conflated = false;
  std::optional<Position> position;
};
struct UnsubscribedPush {
  std::string channel;
  std::string code;
  std::string reason;
};
struct Drain {
  std::int64_t reconnect_in_ms = 0;
};

using Push = std::variant<Welcome, Join, Leave, PresencePush, Gap, UnsubscribedPush, Drain>;

}  // namespace crier::command
