// What must be true of a saved state. One place for both directions: the writer asserts it, because a state
// that breaks it is our own mistake; the reader refuses what breaks it.
//
// Each answers nullptr when all is well, otherwise what is wrong, as a sentence without its full stop.
#pragma once

#include "broker/state/saved_state.hpp"

namespace crier::state {

[[nodiscard]] const char* fault_of(const SavedHead& head);

// The channel but for its name, messages and keys.
[[nodiscard]] const char* fault_of(const SavedChannel& channel, const SavedHead& head);

// A message but for its data. `before` stands before it in the channel; nullptr: it is the first one.
[[nodiscard]] const char* fault_of(const SavedMessage& message, const SavedMessage* before,
                                   const SavedChannel& channel);

[[nodiscard]] const char* fault_of(const SavedKey& key, const SavedChannel& channel);

}  // namespace crier::state
