#include "broker/state/rules.hpp"

#include <algorithm>

namespace crier::state {
namespace {

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

const char* fault_of(const SavedHead& head) {
  if (head.epoch.empty() || head.epoch.size() > epoch_bytes_max ||
      !std::all_of(head.epoch.begin(), head.epoch.end(), is_alphanumeric)) {
    return "an epoch must be 1 to 16 letters and digits";
  }
  if (head.sequence > offset_max) return "the sequence must fit into 63 bits";
  if (head.floor > head.sequence) return "the floor of the channels without a record must not be above the sequence";
  return nullptr;
}

const char* fault_of(const SavedChannel& channel, const SavedHead& head) {
  if (channel.top > head.sequence) return "a channel's top must not be above the sequence";
  // Of a channel in which nothing was published yet the floor may be above its top.
  if (channel.floor > head.sequence) return "a channel's floor must not be above the sequence";
  return nullptr;
}

const char* fault_of(const SavedMessage& message, const SavedMessage* before, const SavedChannel& channel) {
  if (message.offset <= channel.floor) return "a message's offset must be above its channel's floor";
  if (message.offset > channel.top) return "a message's offset must not be above its channel's top";
  if (message.number > channel.top_number) return "a message's number must not be above its channel's top number";
  if (before != nullptr && message.offset <= before->offset) return "the offsets of a channel's messages must grow";
  if (before != nullptr && message.number <= before->number) return "the numbers of a channel's messages must grow";
  if (message.time_ms < 0 || message.time_ms > time_ms_max) return "a message's time must be 0 to 2^53 - 1";
  if (message.expires_ms < 0) return "a message's end of life must not be negative";
  if (message.conflate_key.size() > conflate_key_bytes_max) return "a conflation key must have at most 255 bytes";
  return nullptr;
}

const char* fault_of(const SavedKey& key, const SavedChannel& channel) {
  if (key.scope.size() > scope_bytes_max) return "an idempotency key's scope must have at most 1024 bytes";
  if (key.key.size() > key_bytes_max) return "an idempotency key must have at most 255 bytes";
  if (key.offset == 0) return "an idempotency key's offset must not be 0";
  if (key.offset > channel.top) return "an idempotency key's offset must not be above its channel's top";
  if (key.expires_ms < 0) return "an idempotency key's end of life must not be negative";
  return nullptr;
}

}  // namespace crier::state
