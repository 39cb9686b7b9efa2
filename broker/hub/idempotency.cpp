#include "broker/hub/idempotency.hpp"

#include <cstring>
#include <new>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::hub {

namespace {

// What a record's name begins with: the lengths make the join of the texts unambiguous.
struct NameHead {
  std::size_t channel_hash;
  std::uint32_t channel_bytes;
  std::uint32_t scope_bytes;
};

}  // namespace

// The channel's text is not hashed again: its hash is in the head, seeded like the whole.
IdempotencyKeys::Name IdempotencyKeys::name_of(const IdempotencyKey& key) {
  const NameHead head{key.channel_hash, static_cast<std::uint32_t>(key.channel.size()),
                      static_cast<std::uint32_t>(key.scope.size())};
  name_buffer_.assign(reinterpret_cast<const char*>(&head), sizeof(head));
  name_buffer_.append(key.scope).append(key.key);
  const std::size_t hash = hash_of(name_buffer_);
  name_buffer_.append(key.channel);
  return {name_buffer_, hash};
}

std::unique_ptr<IdempotencyKeys::Record> IdempotencyKeys::Record::make(std::string_view name, std::size_t hash) {
  std::unique_ptr<Record> record(new (::operator new(sizeof(Record) + name.size())) Record);
  record->hash_ = hash;
  record->name_bytes_ = static_cast<std::uint32_t>(name.size());
  name.copy(reinterpret_cast<char*>(record.get() + 1), name.size());
  return record;
}

IdempotencyKey IdempotencyKeys::Record::key() const noexcept {
  NameHead head;
  std::memcpy(&head, text(), sizeof(head));
  std::string_view texts = name().substr(sizeof(head));
  const std::string_view scope = texts.substr(0, head.scope_bytes);
  texts.remove_prefix(head.scope_bytes);
  const std::size_t key_bytes = texts.size() - head.channel_bytes;
  return {texts.substr(key_bytes), head.channel_hash, scope, texts.substr(0, key_bytes)};
}

IdempotencyKeys::Lookup IdempotencyKeys::begin(const IdempotencyKey& key, std::int64_t now_ms, Waiter&& waiter) {
  const Name name = name_of(key);
  Record* const record = records_.find(name.text, name.hash);
  if (record == nullptr) {
    if (records_.size() >= keys_max_) return {Found::full};
    records_.insert(Record::make(name.text, name.hash));
    return {Found::fresh};
  }
  if (record->pending()) {
    if (!record->waiters) record->waiters = std::make_unique<std::vector<Waiter>>();
    if (record->waiters->size() >= waiters_per_key_max) return {Found::full};
    record->waiters->push_back(std::move(waiter));
    return {Found::pending};
  }
  if (record->expires_ms > now_ms) return {Found::done, record->offset};
  remove_from_expiry(*record);
  return {Found::renewed};
}

std::vector<IdempotencyKeys::Waiter> IdempotencyKeys::stored(const IdempotencyKey& key, std::uint64_t offset,
                                                             std::int64_t expires_ms) {
  Record& record = pending_record(key);
  std::vector<Waiter> waiters = take_waiters(record);
  record.offset = offset;
  add_to_expiry(record, expires_ms);
  return waiters;
}

std::vector<IdempotencyKeys::Waiter> IdempotencyKeys::failed(const IdempotencyKey& key) {
  Record& record = pending_record(key);
  std::vector<Waiter> waiters = take_waiters(record);
  records_.erase(record);
  return waiters;
}

std::vector<IdempotencyKeys::Waiter> IdempotencyKeys::take_waiters(const IdempotencyKey& key) {
  return take_waiters(pending_record(key));
}

bool IdempotencyKeys::restore(const IdempotencyKey& key, std::uint64_t offset, std::int64_t expires_ms) {
  const Name name = name_of(key);
  if (records_.size() >= keys_max_ || records_.find(name.text, name.hash) != nullptr) return false;
  Record& record = records_.insert(Record::make(name.text, name.hash));
  record.offset = offset;
  add_to_expiry(record, expires_ms);
  return true;
}

IdempotencyKeys::Record& IdempotencyKeys::pending_record(const IdempotencyKey& key) {
  const Name name = name_of(key);
  Record* const record = records_.find(name.text, name.hash);
  CRIER_ASSERT(record != nullptr && record->pending());
  return *record;
}

std::vector<IdempotencyKeys::Waiter> IdempotencyKeys::take_waiters(Record& record) {
  const std::unique_ptr<std::vector<Waiter>> waiters = std::move(record.waiters);
  return waiters ? std::move(*waiters) : std::vector<Waiter>{};
}

void IdempotencyKeys::add_to_expiry(Record& record, std::int64_t expires_ms) {
  record.expires_ms = expires_ms;
  by_expiry_.push_back(&record);
  rise(record, by_expiry_.size() - 1);
}

void IdempotencyKeys::remove_from_expiry(Record& record) {
  const std::size_t at = std::exchange(record.expiry_at, Record::pending_mark);
  Record& last = *by_expiry_.back();
  by_expiry_.pop_back();
  if (&last == &record) return;
  rise(last, at);
  sink(last, last.expiry_at);
}

// Puts the record into place `at`, or where it belongs above it.
void IdempotencyKeys::rise(Record& record, std::size_t at) {
  while (at != 0) {
    const std::size_t parent = (at - 1) / 2;
    if (by_expiry_[parent]->expires_ms <= record.expires_ms) break;
    settle(*by_expiry_[parent], at);
    at = parent;
  }
  settle(record, at);
}

// The same downwards.
void IdempotencyKeys::sink(Record& record, std::size_t at) {
  for (std::size_t child = 2 * at + 1; child < by_expiry_.size(); child = 2 * at + 1) {
    if (child + 1 < by_expiry_.size() && by_expiry_[child + 1]->expires_ms < by_expiry_[child]->expires_ms) ++child;
    if (record.expires_ms <= by_expiry_[child]->expires_ms) break;
    settle(*by_expiry_[child], at);
    at = child;
  }
  settle(record, at);
}

void IdempotencyKeys::settle(Record& record, std::size_t at) {
  by_expiry_[at] = &record;
  record.expiry_at = static_cast<std::uint32_t>(at);
}

}  // namespace crier::hub
