// What a client sends and receives, as values. Names are those of the wire contract.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <crier/result.hpp>

namespace crier::client {

// ---- Publishing ----

struct Publication {
  std::string channel{};
  std::string data{};      // one JSON value, passed on byte for byte; json_string() makes one of a text
  bool binary = false;     // `data` are bytes of any kind, no JSON; they travel as base64
  std::string key{};       // idempotency, 1 to 128 bytes: the same key on the same channel is the same message
  bool retry = false;      // sent again after a cut, by `key`, or by one that the library makes where there is none
  bool echo = true;        // false: not to this connection, when it is subscribed itself
  std::string exclude{};   // a session that does not get it either
  std::string conflate{};  // what a newer message replaces, for slow subscribers
  std::optional<std::chrono::seconds> ttl{};  // shortens its life in the history
};

struct Published {
  std::string channel{};
  std::string position{};  // "" where the channel keeps no history
};

// ---- Receiving ----

// A message as a handler sees it: the views end when the handler returns.
struct Message {
  std::string_view channel;
  std::string_view pattern;   // of the subscription that delivers it; "" for one by the channel's name
  std::string_view data;      // one JSON value, byte for byte as it was published
  bool binary = false;        // `data` is a JSON string of base64: see bytes()
  std::string_view position;  // store the newest one to resume from; "" where the channel keeps no history
  std::int64_t time_ms = 0;   // since 1970, by the broker's clock

  // What was published with `binary`; `data` as it is otherwise.
  [[nodiscard]] std::string bytes() const;
};

// The same, to keep.
struct StoredMessage {
  std::string channel{};
  std::string pattern{};
  std::string data{};
  bool binary = false;
  std::string position{};
  std::int64_t time_ms = 0;

  [[nodiscard]] std::string bytes() const;
};

struct Member {
  std::string session{};
  std::string user{};  // "" when anonymous
  std::string info{};  // one JSON value of the token's; "" for none
};

struct SubscribeOptions {
  std::string since{};                  // a position: replays exactly what came after it
  std::optional<std::uint64_t> last{};  // replays the newest so many messages, where `since` is not given or lost
  bool presence = false;                // members, and who comes and goes
};

// A subscription is live, for the first time or again after a cut. Replayed messages follow.
struct Subscribed {
  std::string channel{};
  std::string position{};           // where the stream begins; "" where the channel keeps no history
  bool again = false;               // after a cut
  std::optional<bool> recovered{};  // of `since`, and of every cut: false says that messages may be missing here
  std::uint64_t replayed = 0;
  std::vector<Member> members{};  // with `presence`
  std::string members_cursor{};   // not "": there are more members, for presence() to go on with
};

// Messages are missing at this place.
struct Gap {
  std::string channel{};
  std::optional<std::uint64_t> lost{};  // none: nobody knows how many
  bool conflated = false;               // newer ones have replaced them
};

struct PresenceChange {
  enum class Kind : std::uint8_t {
    joined,   // `member`
    left,     // `member`
    members,  // all of them anew, in place of what was known
    count,    // too many for single changes: only their number
  };
  Kind kind = Kind::joined;
  std::string channel{};
  Member member{};
  std::vector<Member> members{};
  std::string members_cursor{};
  std::uint64_t count = 0;
};

// ---- Asking ----

struct HistoryQuery {
  std::string channel{};
  std::string since{};                   // "": from the oldest
  std::optional<std::uint64_t> limit{};  // messages
  bool reverse = false;                  // the newest first
  std::string cursor{};                  // goes on where a page with `more` ended
};
struct HistoryPage {
  std::vector<StoredMessage> messages{};
  std::string position{};  // of the newest message of the channel
  bool more = false;
  std::string cursor{};
};

struct MembersPage {
  std::vector<Member> members{};
  std::uint64_t count = 0;
  bool more = false;
  std::string cursor{};
};

struct ChannelsQuery {
  std::string pattern{};  // "": all
  std::string cursor{};
  std::optional<std::uint64_t> limit{};
};
struct ChannelsPage {
  struct Entry {
    std::string channel;
    std::uint64_t subscribers = 0;
  };
  std::vector<Entry> channels{};
  bool more = false;
  std::string cursor{};
};

// Whom disconnect() and kick() are for: exactly one of the two is given.
struct Target {
  std::string user{};
  std::string session{};
};

// ---- The connection ----

enum class State : std::uint8_t {
  connecting,  // an attempt is under way
  connected,   // the broker has said welcome
  waiting,     // it failed or ended; the next attempt is in `retry_in`
  closed,      // the end: by close(), or because trying again cannot help
};
[[nodiscard]] std::string_view to_string(State state);

struct StateChange {
  State state = State::connecting;
  std::optional<Error> error{};           // why, with `waiting` and `closed`; none after close()
  std::chrono::milliseconds retry_in{0};  // with `waiting`
  std::string session{};                  // with `connected`
  std::string user{};                     // with `connected`; "" when anonymous
  std::string server_version{};           // with `connected`
};

// A JSON string of a text, with its quotes. What is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace crier::client
