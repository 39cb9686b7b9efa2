// What shards say to each other. Two lanes for each pair of shards:
//
//   requests    to a channel's home, or to a shard about its sessions; may wait there for credit
//   deliveries  from a home: messages, answers, credit; always taken at once, so that credit can never
//               wait behind what waits for credit
//
// Both are FIFO, and a shard talks to itself through the same two lanes. What is frequent lies in the
// variants themselves; what is rare behind a pointer, so that a lane of messages stays dense.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/hub/channel_filter.hpp"
#include "broker/hub/listing_place.hpp"
#include "broker/hub/member_list.hpp"
#include "broker/hub/message.hpp"
#include "broker/hub/reply_tag.hpp"
#include "protocol/base/result.hpp"
#include "protocol/command/command.hpp"

namespace crier::hub {

// --- requests, to a home

struct PublishRequest {
  // The publisher's own name for this message: the same one is stored once (see IdempotencyKeys).
  struct Key {
    std::string scope;  // of a user or service; "" for everybody anonymous
    std::string key;
  };
  SessionRef session;
  MessageDraft draft;
  ReplyTag tag;
  std::unique_ptr<Key> key;  // null: none
};

// What everything else that a session asks for counts against its limit until it is answered, more than it
// costs; and what an answer that is a list may come to.
inline constexpr std::size_t request_bytes = 512;
inline constexpr std::size_t list_bytes_max = 256 * 1024;

struct SubscribeRequest {
  SessionRef session;
  std::uint32_t serial = 0;  // of the subscription; with `session` it makes a stale answer recognisable
  std::size_t channel_hash = 0;
  std::string channel;
  std::optional<command::Position> since;
  std::optional<std::uint64_t> last;
  Member member;       // who it is, where the namespace has presence
  bool watch = false;  // wants the members, and joins and leaves from then on
};
// Sent for every subscription that home has counted, once it ends, also by death.
struct UnsubscribeRequest {
  std::uint32_t serial = 0;
  std::size_t channel_hash = 0;
  std::string channel;
  SessionId session;
  bool watch = false;
};
// The next piece of a history: for a replay, and for a subscriber that lagged.
struct FetchRequest {
  SessionRef session;
  std::uint32_t serial = 0;
  std::size_t channel_hash = 0;
  std::string channel;
  std::uint64_t after = 0;
  std::size_t bytes_max = 0;
};
struct HistoryRequest {
  SessionRef session;
  ReplyTag tag;
  std::size_t channel_hash = 0;
  std::string channel;
  std::optional<command::Position> since;   // forward: messages after it
  std::optional<command::Position> before;  // reverse: messages before it, when a page before ended there
  std::uint64_t limit = 0;
  bool reverse = false;
};
struct PresenceRequest {
  SessionRef session;
  ReplyTag tag;              // a command's, or none: then the answer refreshes a watcher
  std::uint32_t serial = 0;  // of the watcher's subscription
  std::size_t channel_hash = 0;
  std::string channel;
  std::optional<SessionId> after;
};
// To every home: a pattern's channels may live anywhere.
struct PatternRequest {
  SessionRef session;
  std::uint32_t serial = 0;
  std::string pattern;
};
struct PatternRemoval {
  std::string pattern;
};
// A walk through the channels of all homes, one after the other. It travels: each home adds some of its own, and the
// shard that wants it sends it on until the page is full.
struct ChannelListing {
  struct Entry {
    std::string channel;
    std::uint64_t subscriptions = 0;  // exact ones, of all shards
  };
  SessionRef session;
  ReplyTag tag;
  std::string pattern;                          // "": every channel; a name: that one
  std::shared_ptr<const ChannelFilter> filter;  // null: every channel
  std::uint64_t limit = 0;                      // entries; not 0
  std::optional<ListingPlace> next;             // where it goes on; none: every channel was seen
  std::uint32_t steps = 0;                      // that it took
  std::size_t bytes = 0;                        // that the entries take in a reply, at most
  std::vector<Entry> entries;

  [[nodiscard]] bool names_one() const noexcept;  // the pattern is a channel's name
  [[nodiscard]] bool full() const noexcept { return entries.size() >= limit || bytes > list_bytes_max - entry_bytes; }
  static constexpr std::size_t entry_bytes = 512;  // the longest, and what stands around all of them
};
struct ListRequest {
  std::unique_ptr<ChannelListing> listing;
};
using ControlRequest = std::variant<SubscribeRequest, UnsubscribeRequest, FetchRequest, HistoryRequest, PresenceRequest,
                                    PatternRequest, PatternRemoval, ListRequest>;

// To every shard itself, about those of its sessions that are meant.
struct DirectiveRequest {
  enum class Kind : std::uint8_t { disconnect, kick };
  std::uint32_t number = 0;  // of the shard that asks
  Kind kind = Kind::disconnect;
  std::optional<SessionId> session;  // this one; none: all of `user`, which is not ""
  std::string user;
  std::string channel;  // kick: the subscription to this name, or to just this pattern, ends
};
// What came of it on all shards.
struct DirectiveOutcome {
  SessionRef session;
  ReplyTag tag;
  DirectiveRequest::Kind kind = DirectiveRequest::Kind::disconnect;
  std::uint64_t count = 0;  // of sessions that are to end, or of subscriptions that have ended
};

using Request = std::variant<PublishRequest, std::unique_ptr<ControlRequest>, std::unique_ptr<DirectiveRequest>>;

// --- deliveries, from a home

// How a publish ended that was not simply stored, or whose message is not at hand.
struct PublishOutcome {
  std::string channel;
  std::size_t bytes = 0;  // credit
  Result<std::optional<command::Position>> position;
  std::optional<std::int64_t> retry_after_s = std::nullopt;  // rate_limited
};
struct PublishAnswer {
  SessionRef session;
  ReplyTag tag;
  MessagePtr message;                       // sealed: its channel and position; or else
  std::unique_ptr<PublishOutcome> outcome;  // what came of it instead
};
// So many bytes of that session's requests have been taken by their home.
struct SessionCredit {
  SessionRef session;
  std::size_t bytes = 0;
};
// So many bytes of deliveries have been taken by the shard that sends this.
struct LaneCredit {
  std::size_t bytes = 0;
};

// A page of a channel's members.
struct MemberPage {
  std::vector<Member> members;
  std::uint64_t count = 0;  // of all
  bool more = false;
};
struct SubscribeAnswer {
  // Where the stream starts.
  struct Start {
    std::optional<command::Position> position;  // where the channel keeps history
    std::optional<bool> recovered;              // when `since` was given
    std::optional<std::uint64_t> replayed = 0;  // none: not known beforehand
    std::uint64_t after = 0;   // the stream's messages have higher offsets and, where it is known (not 0),
    std::uint64_t number = 0;  // higher numbers
    bool at_top = true;        // nothing is to be replayed: what follows in the lane is the stream
    std::optional<MemberPage> members;
  };
  SessionRef session;
  std::uint32_t serial = 0;
  std::size_t channel_hash = 0;
  std::string channel;
  SessionId id;
  bool watch = false;
  Result<Start> start;
};
struct FetchAnswer {
  SessionRef session;
  std::uint32_t serial = 0;
  std::vector<MessagePtr> messages;
  std::uint64_t through = 0;         // everything up to here is in `messages`, or lost
  std::uint64_t through_number = 0;  // likewise; 0: unknown
  bool at_top = false;               // what follows in the lane is newer than this
  bool evicted = false;              // the history no longer reached back to where it was asked for
};
struct HistoryPage {
  std::vector<MessagePtr> messages;
  std::optional<command::Position> top;
  std::optional<command::Position> next;  // where the next page starts, when there is more
};
struct HistoryAnswer {
  SessionRef session;
  ReplyTag tag;
  std::string channel;
  bool reverse = false;
  Result<HistoryPage> page;
};
struct PresenceAnswer {
  SessionRef session;
  ReplyTag tag;
  std::uint32_t serial = 0;
  std::string channel;
  MemberPage page;
};
struct PatternAnswer {
  SessionRef session;
  std::uint32_t serial = 0;
  std::string pattern;
  std::optional<Error> refused;
};
// Who came or went, to the shards of a channel that has watchers.
struct PresenceEvent {
  enum class Kind : std::uint8_t { join, leave, count, list } kind = Kind::join;
  std::size_t channel_hash = 0;
  std::string channel;
  Member member;    // join, leave
  MemberPage page;  // count (its `count` alone), list
};
// Positions of before mean nothing any more; live subscriptions go on from here.
struct EpochChange {
  std::size_t channel_hash = 0;
  std::string channel;
  command::Position position;
};
struct ListAnswer {
  std::unique_ptr<ChannelListing> listing;
};
struct DirectiveAnswer {
  std::uint32_t number = 0;
  std::uint64_t count = 0;  // of that shard
};
using Answer = std::variant<SubscribeAnswer, FetchAnswer, HistoryAnswer, PresenceAnswer, PatternAnswer, PresenceEvent,
                            EpochChange, ListAnswer, DirectiveAnswer>;
using Delivery = std::variant<MessagePtr, PublishAnswer, SessionCredit, LaneCredit, std::unique_ptr<Answer>>;

// What one shard has for another after one turn.
struct Batch {
  ShardId from = 0;
  bool urgent = false;  // holds more than session credit, which can wait for company
  std::vector<Request> requests;
  std::vector<Delivery> deliveries;
  std::unique_ptr<Batch> next;
  [[nodiscard]] bool empty() const noexcept { return requests.empty() && deliveries.empty(); }
};

}  // namespace crier::hub
