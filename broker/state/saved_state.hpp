// What outlives a graceful restart, as plain values: histories, idempotency keys, and the place from which
// offsets go on. Nothing here depends on the number of threads: channels stand in no order, and whoever takes
// them up gives each to its home.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "protocol/command/command.hpp"

namespace crier::state {

// What a saved state may hold at most. Wider than what commands allow, so that those limits can change.
inline constexpr std::size_t epoch_bytes_max = 16;
inline constexpr std::size_t conflate_key_bytes_max = 255;
inline constexpr std::size_t key_bytes_max = 255;
inline constexpr std::size_t scope_bytes_max = 1024;
inline constexpr std::size_t data_bytes_max = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::uint64_t offset_max = std::numeric_limits<std::int64_t>::max();  // 19 digits of a position
inline constexpr std::int64_t time_ms_max = (std::int64_t{1} << 53) - 1;               // exact in JavaScript

struct SavedMessage {
  std::uint64_t offset = 0;
  std::uint64_t number = 0;
  std::int64_t time_ms = 0;
  std::int64_t expires_ms = 0;  // 0: by the history's own age alone
  command::Encoding encoding = command::Encoding::json;
  bool compressible = true;
  std::string conflate_key;
  std::string data_json;  // one JSON value without white space around it; base64: a string of it

  friend bool operator==(const SavedMessage&, const SavedMessage&) = default;
};

// An idempotency key of a channel, and the offset that its publish got.
struct SavedKey {
  std::string scope;  // whose key it is: the same key of another user or service is another key
  std::string key;
  std::uint64_t offset = 0;
  std::int64_t expires_ms = 0;

  friend bool operator==(const SavedKey&, const SavedKey&) = default;
};

struct SavedChannel {
  std::string name;
  std::uint64_t floor = 0;             // the newest offset that the history has lost; what is left lies above it
  std::uint64_t top = 0;               // the newest offset of all
  std::uint64_t top_number = 0;        // that message's number
  std::vector<SavedMessage> messages;  // offsets and numbers grow
  std::vector<SavedKey> keys;          // each once

  friend bool operator==(const SavedChannel&, const SavedChannel&) = default;
};

// What the channels have in common; it is written before any of them.
struct SavedHead {
  std::string epoch;           // [0-9A-Za-z]{1,16}
  std::uint64_t sequence = 0;  // the highest offset that was given to any message, remembered here or not
  std::uint64_t floor = 0;     // of every channel that has no record

  friend bool operator==(const SavedHead&, const SavedHead&) = default;
};

struct SavedState : SavedHead {
  std::vector<SavedChannel> channels;  // each once

  friend bool operator==(const SavedState&, const SavedState&) = default;
};

}  // namespace crier::state
