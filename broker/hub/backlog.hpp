// What the lagging subscribers of one topic (a channel, or a pattern) on one shard have yet to read: a
// bounded queue which they share, each at its own place.
//
// The topic numbers its messages densely, so a hole between two kept neighbours is the difference of
// their numbers: nothing is recorded for what is gone. Only the front is ever dropped, so one number
// tells for every hole whether anything in it was dropped or all of it was conflated away.
//
// Owner: the shard's subscriber table. Thread: the shard's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/hub/message.hpp"

namespace crier::hub {

// What an entry costs beside its message: its slot, a hole's, and its place among the keys.
inline constexpr std::size_t backlog_entry_bytes = 128;

class Backlog {
 public:
  enum class Kind : std::uint8_t { drop_oldest, conflate };
  explicit Backlog(Kind kind) noexcept : kind_(kind) {}
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  // Numbers start at 1 and grow strictly; one that is passed over counts as dropped. Kind::conflate: takes
  // away an older message of the same channel and key, and stands at the end, never in the older one's
  // place: that would deliver it before what came between them (design rule 12).
  void append(MessagePtr message, std::uint64_t number);
  // Drops the oldest until bytes() is within, all of them if need be.
  void trim(std::size_t bytes_max);
  // Not when empty.
  void drop_oldest();

  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size() - holes_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  struct Item {
    MessagePtr message;
    std::uint64_t number = 0;
    std::uint64_t lost_before = 0;  // so many of the topic's messages are missing just before it
    bool conflated = false;         // each of those was replaced by a newer one, none was dropped
  };
  struct Read {
    std::vector<Item> items;
    std::uint64_t through = 0;  // where the reader is when it has taken all this
    bool at_top = false;        // nothing newer has come so far
    // Messages missing behind the last item: only where all was dropped, so there are no items then, and
    // never conflated ones, as the newest of a key stays until it is dropped.
    std::uint64_t lost_at_end = 0;
  };
  // For a reader that has taken everything up to the number `after`: what follows, oldest first, within
  // `bytes_max` by Message::bytes, but one at least.
  [[nodiscard]] Read read(std::uint64_t after, std::size_t bytes_max) const;

 private:
  struct Slot {
    MessagePtr message;  // null: conflated away
    std::uint64_t number = 0;
  };
  // Views into the message that is kept under it.
  struct Key {
    explicit Key(const Message& message) noexcept;
    std::string_view channel;
    std::string_view conflate_key;
    std::size_t hash;
    friend bool operator==(const Key& a, const Key& b) noexcept {
      return a.channel == b.channel && a.conflate_key == b.conflate_key;
    }
  };
  struct KeyHash {
    [[nodiscard]] std::size_t operator()(const Key& key) const noexcept { return key.hash; }
  };

  [[nodiscard]] std::deque<Slot>::const_iterator first_above(std::uint64_t number) const noexcept;
  void conflate(const Message& message, std::uint64_t number);
  void make_hole(std::uint64_t number);
  void close_holes();

  Kind kind_;
  std::deque<Slot> slots_;  // in order of number; neither end is a hole
  std::size_t holes_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t dropped_through_ = 0;  // what is missing above it was conflated away
  // Kind::conflate: the number of each key's message.
  std::unordered_map<Key, std::uint64_t, KeyHash> newest_by_key_;
};

}  // namespace crier::hub
