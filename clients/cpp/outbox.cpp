#include "clients/cpp/outbox.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::client {

namespace {

// What a command costs beside its text.
constexpr std::size_t entry_bytes = 192;

}  // namespace

bool Outbox::has_room(std::size_t text_bytes, std::size_t commands) const {
  return bytes_ + text_bytes + commands * entry_bytes <= bytes_max_;
}

void Outbox::push(Outbound command) {
  CRIER_ASSERT(entries_.empty() || entries_.back().command.deadline <= command.deadline);
  const std::size_t bytes = command.text.size() + entry_bytes;
  bytes_ += bytes;
  CRIER_ASSERT(bytes_ <= bytes_max_);
  entries_.push_back({std::move(command), bytes});
}

const Outbound* Outbox::next() {
  while (unsent_ < entries_.size() && (entries_[unsent_].ended || entries_[unsent_].in_flight)) ++unsent_;
  return unsent_ < entries_.size() ? &entries_[unsent_].command : nullptr;
}

void Outbox::sent() {
  CRIER_ASSERT(unsent_ < entries_.size());
  Entry& entry = entries_[unsent_];
  entry.was_sent = true;
  entry.in_flight = true;
  ++unsent_;
  if (!entry.command.done) {
    end(entry);
    drop_ended();
  } else if (!entry.command.resend) {
    std::string().swap(entry.command.text);
  }
}

Ended Outbox::refuse_next(Error error) {
  CRIER_ASSERT(unsent_ < entries_.size());
  Entry& entry = entries_[unsent_];
  Ended ended{std::move(entry.command.done), std::move(error)};
  end(entry);
  drop_ended();
  return ended;
}

Outbox::Entry* Outbox::find(std::int64_t id) {
  if (id < front_id_ || id >= next_id()) return nullptr;
  Entry& entry = entries_[static_cast<std::size_t>(id - front_id_)];
  return entry.ended ? nullptr : &entry;
}

Done Outbox::answered(std::int64_t id) {
  Entry* const entry = find(id);
  if (entry == nullptr) return {};
  Done done = std::move(entry->command.done);
  end(*entry);
  drop_ended();
  return done;
}

// It is in flight already, and stays so: what is behind it goes on.
bool Outbox::put_back(std::int64_t id) {
  Entry* const entry = find(id);
  if (entry == nullptr || !entry->in_flight || !entry->command.resend) return false;
  if (!std::exchange(entry->put_back, true)) put_back_.push_back(id);
  return true;
}

void Outbox::release() {
  for (const std::int64_t id : std::exchange(put_back_, {})) {
    Entry* const entry = find(id);
    if (entry == nullptr) continue;
    entry->in_flight = false;
    entry->put_back = false;
    unsent_ = std::min(unsent_, static_cast<std::size_t>(id - front_id_));
  }
}

std::vector<Ended> Outbox::cut(const Error& error) {
  std::vector<Ended> ended;
  put_back_.clear();
  for (Entry& entry : entries_) {
    entry.put_back = false;
    if (entry.ended || !std::exchange(entry.in_flight, false) || entry.command.resend) continue;
    ended.push_back({std::move(entry.command.done), error});
    end(entry);
  }
  unsent_ = 0;
  drop_ended();
  return ended;
}

std::vector<Ended> Outbox::clear(const Error& sent, const Error& unsent) {
  return expire(TimePoint::max(), sent, unsent);
}

std::vector<Ended> Outbox::expire(TimePoint now, const Error& sent, const Error& unsent) {
  std::vector<Ended> ended;
  for (Entry& entry : entries_) {
    if (entry.ended) continue;
    if (entry.command.deadline > now) break;
    ended.push_back({std::move(entry.command.done), entry.was_sent ? sent : unsent});
    end(entry);
  }
  drop_ended();
  return ended;
}

std::optional<TimePoint> Outbox::deadline() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.front().command.deadline;
}

void Outbox::end(Entry& entry) {
  CRIER_ASSERT(!entry.ended && bytes_ >= entry.bytes);
  entry.ended = true;
  // Behind a command without an answer its place remains, and counts as long as it does.
  bytes_ -= entry.bytes - entry_bytes;
  std::string().swap(entry.command.text);
}

void Outbox::drop_ended() {
  while (!entries_.empty() && entries_.front().ended) {
    entries_.pop_front();
    bytes_ -= entry_bytes;
    ++front_id_;
    if (unsent_ > 0) --unsent_;
  }
}

}  // namespace crier::client
