// The idempotency keys of one home: a publish with the `key` of an earlier one, by the same user or service
// on the same channel, yields the earlier one's position and is not delivered again (design rule 10).
//
// A key is pending from `begin` until `stored` or `failed`, then done until it expires. A failed publish
// frees its key. Every key counts against `keys_max` and keeps its channel's record alive: from `fresh`
// (or `restore`) until `failed`, or until `expire` tells of it.
//
// Owner: the home. Thread: the shard's.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/hub/mail.hpp"
#include "broker/hub/message.hpp"
#include "broker/hub/name_table.hpp"

namespace crier::hub {

struct IdempotencyKey {
  std::string_view channel;
  std::size_t channel_hash = 0;
  std::string_view scope;  // the user or service; "" for all who are anonymous
  std::string_view key;
};

class IdempotencyKeys {
 public:
  // A publish that came while the key's first one was still on its way.
  struct Waiter {
    ShardId from = 0;
    SessionRef session;
    ReplyTag tag;
    std::size_t bytes = 0;
  };
  enum class Found : std::uint8_t {
    fresh,    // the key is now pending and belongs to this publish
    renewed,  // the same, but it has expired, was not taken out yet, and is counted for its channel already
    pending,  // the waiter was kept
    done,
    full,  // there are keys_max keys, or waiters_per_key_max waiters: nothing has changed
  };
  struct Lookup {
    Found found = Found::full;
    std::uint64_t offset = 0;  // when done
  };

  // What one stalled publish may collect. Their memory is paid for by the sessions' credit: `bytes` is more
  // than a waiter costs, and comes back with its answer.
  static constexpr std::size_t waiters_per_key_max = 1000;

  explicit IdempotencyKeys(std::size_t keys_max) : keys_max_(keys_max) {}

  // Those over a lower limit stay until they expire.
  void set_keys_max(std::size_t keys_max) noexcept { keys_max_ = keys_max; }
  // Expired keys count against keys_max until `expire` has taken them out: ask it for a few before each of these.
  // The waiter is moved from only when `pending`.
  [[nodiscard]] Lookup begin(const IdempotencyKey& key, std::int64_t now_ms, Waiter&& waiter);

  // The outcome of the publish that owns the key. Those who waited are to get the same answer, in this order.
  [[nodiscard]] std::vector<Waiter> stored(const IdempotencyKey& key, std::uint64_t offset, std::int64_t expires_ms);
  [[nodiscard]] std::vector<Waiter> failed(const IdempotencyKey& key);
  // Those who wait so far, who are answered before the outcome is known; the key stays pending.
  [[nodiscard]] std::vector<Waiter> take_waiters(const IdempotencyKey& key);

  // From now_ms = expires_ms on a key is expired. Takes out at most so many, the oldest first, and calls
  // forgotten(channel, channel_hash) for each, which must not come back here. Pending keys do not expire.
  template <class Forgotten>
  void expire(std::int64_t now_ms, std::size_t at_most, Forgotten forgotten) {
    for (; at_most != 0 && !by_expiry_.empty() && by_expiry_.front()->expires_ms <= now_ms; --at_most) {
      Record& record = *by_expiry_.front();
      const IdempotencyKey key = record.key();
      forgotten(key.channel, key.channel_hash);
      remove_from_expiry(record);
      records_.erase(record);
    }
  }
  // When the first key expires; int64 max when none does.
  [[nodiscard]] std::int64_t next_expiry_ms() const noexcept {
    return by_expiry_.empty() ? std::numeric_limits<std::int64_t>::max() : by_expiry_.front()->expires_ms;
  }

  // For the state file: visit(const IdempotencyKey&, offset, expires_ms), also for keys that have expired
  // and were not taken out yet.
  template <class Visit>
  void for_each_done(Visit visit) const {
    for (const Record* const record : by_expiry_) visit(record->key(), record->offset, record->expires_ms);
  }
  // From the state file. False, and nothing has changed, when there are keys_max or it has the key already.
  [[nodiscard]] bool restore(const IdempotencyKey& key, std::uint64_t offset, std::int64_t expires_ms);

  // Pending and done ones.
  [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }

 private:
  // One block of memory: the record, and behind it its name, which joins the key's texts.
  class Record {
   public:
    [[nodiscard]] static std::unique_ptr<Record> make(std::string_view name, std::size_t hash);
    // Frees the whole block, whose size the compiler does not know; `make` alone allocates.
    // NOLINTNEXTLINE(misc-new-delete-overloads)
    static void operator delete(void* block) { ::operator delete(block); }
    [[nodiscard]] std::string_view name() const noexcept { return {text(), name_bytes_}; }
    [[nodiscard]] std::size_t hash() const noexcept { return hash_; }
    [[nodiscard]] IdempotencyKey key() const noexcept;
    [[nodiscard]] bool pending() const noexcept { return expiry_at == pending_mark; }

    static constexpr std::uint32_t pending_mark = std::numeric_limits<std::uint32_t>::max();
    std::unique_ptr<std::vector<Waiter>> waiters;
    std::uint64_t offset = 0;
    std::int64_t expires_ms = 0;
    std::uint32_t expiry_at = pending_mark;  // its place in by_expiry_

   private:
    Record() = default;
    [[nodiscard]] const char* text() const noexcept { return reinterpret_cast<const char*>(this + 1); }
    std::uint32_t name_bytes_ = 0;
    std::size_t hash_ = 0;
  };

  struct Name {
    std::string_view text;  // in name_buffer_
    std::size_t hash;
  };

  [[nodiscard]] Name name_of(const IdempotencyKey& key);
  [[nodiscard]] Record& pending_record(const IdempotencyKey& key);
  [[nodiscard]] static std::vector<Waiter> take_waiters(Record& record);
  void add_to_expiry(Record& record, std::int64_t expires_ms);
  void remove_from_expiry(Record& record);
  void rise(Record& record, std::size_t at);
  void sink(Record& record, std::size_t at);
  void settle(Record& record, std::size_t at);

  std::size_t keys_max_;
  NameTable<Record> records_;
  std::vector<Record*> by_expiry_;  // those done, as a binary heap: windows differ between namespaces
  std::string name_buffer_;
};

}  // namespace crier::hub
