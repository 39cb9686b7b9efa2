#include "broker/runtime/timer_wheel.hpp"

#include <algorithm>

namespace crier::runtime {

void TimerWheel::Entry::unlink() noexcept {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

TimerWheel::TimerWheel() {
  for (Head& head : slots_) head.previous_ = head.next_ = &head;
}

TimerWheel::~TimerWheel() {
  for (Head& head : slots_) {
    while (head.next_ != &head) head.next_->unlink();
  }
}

void TimerWheel::link_before(Entry& head, Entry& entry) noexcept {
  entry.previous_ = head.previous_;
  entry.next_ = &head;
  entry.previous_->next_ = &entry;
  head.previous_ = &entry;
}

void TimerWheel::schedule(Entry& entry, Tick deadline) noexcept {
  entry.unlink();
  entry.deadline_ = std::max(deadline, now_ + 1);
  link_before(slots_[entry.deadline_ % slot_count], entry);
}

void TimerWheel::advance(Tick now) {
  while (now_ < now) {
    ++now_;
    // The due entries move to a ring of their own first, so that a handler may schedule into this slot
    // or destroy any other entry without disturbing the walk.
    Head due;
    due.previous_ = due.next_ = &due;
    Head& slot = slots_[now_ % slot_count];
    for (Entry* entry = slot.next_; entry != &slot;) {
      Entry* const following = entry->next_;
      if (entry->deadline_ <= now_) {
        entry->unlink();
        link_before(due, *entry);
      }
      entry = following;
    }
    while (due.next_ != &due) {
      Entry* const entry = due.next_;
      entry->unlink();
      entry->on_deadline();
    }
  }
}

}  // namespace crier::runtime
