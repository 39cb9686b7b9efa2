// A hash table of records that carry their own name: open addressing, eight bytes a slot.
//
// Record needs `std::string_view name() const` and `std::size_t hash() const`. The table owns them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/base/check.hpp"

namespace crier::hub {

// The lowest bit becomes the highest, and so on.
[[nodiscard]] constexpr std::uint64_t reversed_bits(std::uint64_t bits) noexcept {
  bits = (bits & 0x5555555555555555) << 1 | (bits >> 1 & 0x5555555555555555);
  bits = (bits & 0x3333333333333333) << 2 | (bits >> 2 & 0x3333333333333333);
  bits = (bits & 0x0F0F0F0F0F0F0F0F) << 4 | (bits >> 4 & 0x0F0F0F0F0F0F0F0F);
  return __builtin_bswap64(bits);
}

template <class Record>
class NameTable {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  [[nodiscard]] Record* find(std::string_view name, std::size_t hash) const noexcept {
    if (slots_.empty()) return nullptr;
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      Record* const record = slots_[at].get();
      if (record == nullptr) return nullptr;
      if (record->hash() == hash && record->name() == name) return record;
    }
  }

  Record& insert(std::unique_ptr<Record> record) {
    if ((size_ + 1) * 4 > slots_.size() * 3) rehash(slots_.empty() ? 64 : slots_.size() * 2);
    Record& inserted = *record;
    place(std::move(record));
    ++size_;
    return inserted;
  }

  void erase(Record& record) {
    std::size_t at = record.hash() & mask();
    while (slots_[at].get() != &record) at = (at + 1) & mask();
    slots_[at].reset();
    --size_;
    close_gap(at);
    if (slots_.size() > 64 && size_ * 8 < slots_.size()) rehash(slots_.size() / 2);
  }

  // A long walk in short steps: visits what lies in `count` slots from `slot` on, and answers where the next
  // step begins; 0 once the end was reached. `visit` must neither insert nor erase, but that is allowed between steps:
  // a walk then misses some or visits some twice.
  template <class Visit>
  [[nodiscard]] std::size_t visit_some(std::size_t slot, std::size_t count, Visit visit) const {
    for (; count > 0 && slot < slots_.size(); --count, ++slot) {
      if (slots_[slot]) visit(*slots_[slot]);
    }
    return slot < slots_.size() ? slot : 0;
  }
  [[nodiscard]] std::size_t slot_count() const noexcept { return slots_.size(); }

  // A long walk in short steps that changes between them do not disturb: it visits whatever is there all the time
  // exactly once. A step looks behind `count` slots, from the given place on, and ends before the next place as soon
  // as `full()`; the first place is 0. Answers where the walk goes on; none: it is over.
  //
  // A record's place is its hash with the bits reversed. A slot of a table of 2^n is home to all hashes with the same
  // n low bits, which is one range of places, whatever n was when the walk began. `visit` as above.
  template <class Full, class Visit>
  [[nodiscard]] std::optional<std::uint64_t> visit_from(std::uint64_t place, std::size_t count, Full full,
                                                        Visit visit) const {
    if (slots_.empty()) return std::nullopt;
    const int range_bits = 64 - std::countr_zero(slots_.size());
    std::vector<Record*> found;
    for (; count > 0; --count) {
      const std::size_t home = reversed_bits(place) & mask();
      found.clear();
      for (std::size_t at = home; slots_[at]; at = (at + 1) & mask()) {
        Record& record = *slots_[at];
        if ((record.hash() & mask()) == home && reversed_bits(record.hash()) >= place) found.push_back(&record);
      }
      std::sort(found.begin(), found.end(),
                [](const Record* a, const Record* b) { return reversed_bits(a->hash()) < reversed_bits(b->hash()); });
      for (Record* const record : found) {
        const std::uint64_t its_place = reversed_bits(record->hash());
        if (its_place != place && full()) return its_place;
        place = its_place;
        visit(*record);
      }
      place = ((place >> range_bits) + 1) << range_bits;
      if (place == 0) return std::nullopt;
      if (full()) return place;
    }
    return place;
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& slot : slots_) {
      if (slot) visit(*slot);
    }
  }

 private:
  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }

  void place(std::unique_ptr<Record> record) {
    std::size_t at = record->hash() & mask();
    while (slots_[at]) at = (at + 1) & mask();
    slots_[at] = std::move(record);
  }

  // Linear probing without tombstones: what stands behind the gap moves up unless that would put it
  // before its own place.
  void close_gap(std::size_t gap) {
    for (std::size_t at = (gap + 1) & mask(); slots_[at]; at = (at + 1) & mask()) {
      const std::size_t home = slots_[at]->hash() & mask();
      if (((at - home) & mask()) >= ((at - gap) & mask())) {
        slots_[gap] = std::move(slots_[at]);
        gap = at;
      }
    }
  }

  void rehash(std::size_t slot_count) {
    std::vector<std::unique_ptr<Record>> old(slot_count);
    old.swap(slots_);
    for (auto& slot : old) {
      if (slot) place(std::move(slot));
    }
  }

  std::vector<std::unique_ptr<Record>> slots_;
  std::size_t size_ = 0;
};

}  // namespace crier::hub
