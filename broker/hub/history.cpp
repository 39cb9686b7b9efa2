#include "broker/hub/history.hpp"

#include <limits>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::hub {

namespace {

// What a slice may still take. The first message always fits, whatever its size.
class Room {
 public:
  Room(std::size_t bytes_max, std::size_t count_max) noexcept : bytes_(bytes_max), count_(count_max) {}
  [[nodiscard]] bool take(std::size_t bytes) noexcept {
    if (count_ == 0 || (!first_ && bytes > bytes_)) return false;
    bytes_ -= bytes < bytes_ ? bytes : bytes_;
    --count_;
    first_ = false;
    return true;
  }

 private:
  std::size_t bytes_;
  std::size_t count_;
  bool first_ = true;
};

bool outlived(const Message& message, std::int64_t now_ms) noexcept {
  return message.expires_ms() != 0 && message.expires_ms() <= now_ms;
}

}  // namespace

void History::append(MessagePtr message, const HistoryLimits& limits) {
  const std::uint64_t offset = message->offset();
  CRIER_ASSERT(offset > (empty() ? floor_ : newest()->offset()));
  // What would be forgotten at once takes no memory.
  if (limits.messages == 0) {
    clear_to(offset);
    return;
  }
  // Makes room before it takes more, but never gives up the slots that it needs in a moment.
  while (size_ > 1 && size_ >= limits.messages) drop_oldest();
  const std::int64_t time_ms = message->time_ms();
  if (size_ == slot_count_) {
    CRIER_ASSERT(slot_count_ <= std::numeric_limits<std::uint32_t>::max() / 2);
    resize(slot_count_ == 0 ? slots_min : slot_count_ * 2);
  }
  if (message->expires_ms() != 0) ++with_ttl_;
  count_bytes(message->bytes(), 0);
  if (size_ == 0) budget_.link(*this);
  slot(size_++) = std::move(message);
  touch();
  expire(time_ms, limits);
}

void History::expire(std::int64_t now_ms, const HistoryLimits& limits) {
  while (!empty() && (size_ > limits.messages || now_ms - at(0).time_ms() > limits.age_ms)) drop_oldest();
}

void History::drop_oldest() {
  CRIER_ASSERT(!empty());
  const MessagePtr dropped = std::exchange(slot(0), MessagePtr{});
  floor_ = dropped->offset();
  if (dropped->expires_ms() != 0) --with_ttl_;
  count_bytes(0, dropped->bytes());
  head_ = (head_ + 1) & (slot_count_ - 1);
  --size_;
  if (size_ == 0) {
    budget_.unlink(*this);
    resize(0);
  } else if (slot_count_ > slots_min && size_ <= slot_count_ / 4) {
    resize(slot_count_ / 2);
  }
}

void History::clear_to(std::uint64_t floor) {
  forget_all();
  floor_ = floor;
}

void History::touch() noexcept {
  if (empty() || newer_ == nullptr) return;
  budget_.unlink(*this);
  budget_.link(*this);
}

bool History::slice_after(std::uint64_t after, std::size_t bytes_max, std::size_t count_max, std::int64_t now_ms,
                          std::vector<MessagePtr>& out) const {
  Room room(bytes_max, count_max);
  for (std::size_t place = place_after(after); place < size_; ++place) {
    const MessagePtr& message = slot(place);
    if (outlived(*message, now_ms)) continue;
    if (!room.take(message->bytes())) return false;
    out.push_back(message);
  }
  return true;
}

bool History::slice_before(std::uint64_t before, std::size_t bytes_max, std::size_t count_max, std::int64_t now_ms,
                           std::vector<MessagePtr>& out) const {
  Room room(bytes_max, count_max);
  for (std::size_t place = before == 0 ? 0 : place_after(before - 1); place > 0; --place) {
    const MessagePtr& message = slot(place - 1);
    if (outlived(*message, now_ms)) continue;
    if (!room.take(message->bytes())) return false;
    out.push_back(message);
  }
  return true;
}

std::size_t History::count_after(std::uint64_t after, std::int64_t now_ms) const {
  std::size_t count = 0;
  std::size_t place = place_after(after);
  if (with_ttl_ == 0) return size_ - place;
  for (; place < size_; ++place) count += outlived(at(place), now_ms) ? 0 : 1;
  return count;
}

std::uint64_t History::before_last(std::size_t count, std::int64_t now_ms) const {
  std::size_t first = size_;  // of those found so far
  if (with_ttl_ == 0) {
    first = count < size_ ? size_ - count : 0;
  } else {
    for (std::size_t place = size_; place > 0 && count > 0; --place) {
      if (outlived(at(place - 1), now_ms)) continue;
      first = place - 1;
      --count;
    }
  }
  return first == 0 ? floor_ : at(first - 1).offset();
}

std::size_t History::place_after(std::uint64_t offset) const noexcept {
  std::size_t low = 0;
  std::size_t high = size_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (at(middle).offset() <= offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void History::resize(std::uint32_t slot_count) {
  std::unique_ptr<MessagePtr[]> slots;
  if (slot_count != 0) slots = std::make_unique<MessagePtr[]>(slot_count);
  for (std::uint32_t place = 0; place < size_; ++place) slots[place] = std::move(slot(place));
  count_bytes(slot_count * sizeof(MessagePtr), slot_count_ * sizeof(MessagePtr));
  slots_ = std::move(slots);
  slot_count_ = slot_count;
  head_ = 0;
}

void History::forget_all() noexcept {
  if (empty()) return;
  budget_.unlink(*this);
  count_bytes(0, bytes_);
  slots_.reset();
  slot_count_ = 0;
  head_ = 0;
  size_ = 0;
  with_ttl_ = 0;
}

void History::count_bytes(std::size_t added, std::size_t taken) noexcept {
  bytes_ += added - taken;
  budget_.bytes_ += added - taken;
}

}  // namespace crier::hub
