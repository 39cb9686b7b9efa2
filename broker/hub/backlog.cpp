#include "broker/hub/backlog.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::hub {

Backlog::Key::Key(const Message& message) noexcept
    : channel(message.channel()),
      conflate_key(message.conflate_key()),
      // Seeded hashes both, so that no publisher can choose keys that collide.
      hash(message.channel_hash() * 31 + hash_of(message.conflate_key())) {}

void Backlog::append(MessagePtr message, std::uint64_t number) {
  CRIER_ASSERT(number > last_number_);
  // Also what came before the first message: it never was here.
  if (number != last_number_ + 1) dropped_through_ = number - 1;
  last_number_ = number;
  bytes_ += message->bytes() + backlog_entry_bytes;
  // Appended first: the older message's key moves over to this one.
  slots_.push_back({std::move(message), number});
  if (kind_ == Kind::conflate) conflate(*slots_.back().message, number);
}

void Backlog::trim(std::size_t bytes_max) {
  while (bytes_ > bytes_max) drop_oldest();
}

void Backlog::drop_oldest() {
  CRIER_ASSERT(!empty());
  const Slot& oldest = slots_.front();
  dropped_through_ = oldest.number;
  bytes_ -= oldest.message->bytes() + backlog_entry_bytes;
  if (kind_ == Kind::conflate) newest_by_key_.erase(Key(*oldest.message));
  slots_.pop_front();
  close_holes();
}

Backlog::Read Backlog::read(std::uint64_t after, std::size_t bytes_max) const {
  Read read;
  read.through = after;
  std::size_t bytes = 0;
  auto next = first_above(after);
  for (; next != slots_.end(); ++next) {
    if (!next->message) continue;
    bytes += next->message->bytes();
    if (!read.items.empty() && bytes > bytes_max) break;
    const std::uint64_t lost = next->number - read.through - 1;
    read.items.push_back({next->message, next->number, lost, lost > 0 && read.through >= dropped_through_});
    read.through = next->number;
  }
  read.at_top = next == slots_.end();
  if (read.at_top && read.through < last_number_) {
    read.lost_at_end = last_number_ - read.through;
    read.through = last_number_;
  }
  return read;
}

std::deque<Backlog::Slot>::const_iterator Backlog::first_above(std::uint64_t number) const noexcept {
  return std::upper_bound(slots_.begin(), slots_.end(), number,
                          [](std::uint64_t wanted, const Slot& slot) { return wanted < slot.number; });
}

void Backlog::conflate(const Message& message, std::uint64_t number) {
  const Key key(message);
  const auto older = newest_by_key_.find(key);
  if (older == newest_by_key_.end()) {
    newest_by_key_.emplace(key, number);
    return;
  }
  // The key's views must go over to the newer message before the older one may go.
  auto entry = newest_by_key_.extract(older);
  const std::uint64_t older_number = std::exchange(entry.mapped(), number);
  entry.key() = key;
  newest_by_key_.insert(std::move(entry));
  make_hole(older_number);
}

void Backlog::make_hole(std::uint64_t number) {
  const auto found = std::lower_bound(slots_.begin(), slots_.end(), number,
                                      [](const Slot& slot, std::uint64_t wanted) { return slot.number < wanted; });
  CRIER_ASSERT(found != slots_.end() && found->number == number && found->message);
  bytes_ -= found->message->bytes() + backlog_entry_bytes;
  found->message = MessagePtr{};
  ++holes_;
  close_holes();
}

void Backlog::close_holes() {
  while (!slots_.empty() && !slots_.front().message) {
    slots_.pop_front();
    --holes_;
  }
  // Each pass over all slots is paid for by as many holes made since the one before.
  if (holes_ <= size() + 16) return;
  std::erase_if(slots_, [](const Slot& slot) { return !slot.message; });
  holes_ = 0;
}

}  // namespace crier::hub
