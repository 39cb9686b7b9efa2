// One channel's recent messages at its home: what `since`, `last`, `history` and lagging subscribers
// are served from.
//
// Messages leave at the front alone, so everything above `floor` that has not outlived its own ttl is
// there. One that has stays in its place, unseen, until the channel's age or size takes it; who reads
// past it sees a jump of Message::number.
//
// Owner: the channel's record. Thread: the home shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/hub/history_budget.hpp"
#include "broker/hub/message.hpp"

namespace crier::hub {

struct HistoryLimits {
  std::size_t messages = 0;  // 0: keeps nothing
  std::int64_t age_ms = 0;   // older ones are forgotten
};

class History {
 public:
  // What lies at or below `floor` was forgotten before, when the channel had another record.
  History(HistoryBudget& budget, std::uint64_t floor) noexcept : budget_(budget), floor_(floor) {}
  History(const History&) = delete;
  History& operator=(const History&) = delete;
  ~History() { forget_all(); }

  // Offsets grow strictly, and lie above the floor. Forgets what the limits, at the message's own time,
  // no longer allow; the history is its budget's most recently used one afterwards.
  void append(MessagePtr message, const HistoryLimits& limits);
  // From the front: what is too old, or too many.
  void expire(std::int64_t now_ms, const HistoryLimits& limits);
  // For the byte budget. Not when empty.
  void drop_oldest();
  // Forgets everything: a new epoch begins at `floor`, which may be lower than before.
  void clear_to(std::uint64_t floor);
  // Somebody has read it: others make room before it does.
  void touch() noexcept;

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Of the messages, shared with others or not, and of the slots that hold them.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  // From a position at or above it the channel can be continued without a hole (but for ttl): the offset
  // of the newest message that is forgotten.
  [[nodiscard]] std::uint64_t floor() const noexcept { return floor_; }
  [[nodiscard]] const Message* oldest() const noexcept { return empty() ? nullptr : &at(0); }
  [[nodiscard]] const Message* newest() const noexcept { return empty() ? nullptr : &at(size_ - 1); }

  // Both append to `out` messages whose ttl is not over: at most `count_max`, and Message::bytes of all
  // within `bytes_max`, but one at least where `count_max` allows it. True: none is left beyond them.
  // Offsets above `after`, oldest first.
  [[nodiscard]] bool slice_after(std::uint64_t after, std::size_t bytes_max, std::size_t count_max, std::int64_t now_ms,
                                 std::vector<MessagePtr>& out) const;
  // Offsets below `before`, newest first.
  [[nodiscard]] bool slice_before(std::uint64_t before, std::size_t bytes_max, std::size_t count_max,
                                  std::int64_t now_ms, std::vector<MessagePtr>& out) const;
  // How many messages slice_after would give without limits. O(log n) while no message has a ttl.
  [[nodiscard]] std::size_t count_after(std::uint64_t after, std::int64_t now_ms) const;
  // Where a stream starts that begins with the newest `count` messages whose ttl is not over, or with as
  // many as there are: the offset just before the first of them; the top when there are none.
  [[nodiscard]] std::uint64_t before_last(std::size_t count, std::int64_t now_ms) const;

 private:
  friend class HistoryBudget;
  static constexpr std::uint32_t slots_min = 4;  // a small first allocation: most channels hold a message or two

  [[nodiscard]] MessagePtr& slot(std::size_t place) const noexcept {
    return slots_[(head_ + place) & (slot_count_ - 1)];
  }
  [[nodiscard]] const Message& at(std::size_t place) const noexcept { return *slot(place); }
  // How many messages have offsets at or below `offset`: the place of the first one above it.
  [[nodiscard]] std::size_t place_after(std::uint64_t offset) const noexcept;
  void resize(std::uint32_t slot_count);
  void forget_all() noexcept;
  void count_bytes(std::size_t added, std::size_t taken) noexcept;

  HistoryBudget& budget_;
  History* older_ = nullptr;  // neighbours in the budget's list, which holds it while it is not empty
  History* newer_ = nullptr;
  std::uint64_t floor_;
  std::unique_ptr<MessagePtr[]> slots_;  // a ring; null when empty
  std::uint32_t slot_count_ = 0;         // 0 or a power of two
  std::uint32_t head_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t with_ttl_ = 0;  // how many of the messages have one
  std::size_t bytes_ = 0;
};

// There may be a million of them in a process.
static_assert(sizeof(History) <= 72);

}  // namespace crier::hub
