// The state file's bytes: README.md has them one by one. A state has exactly one form, and what is read is
// believed whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "broker/state/saved_state.hpp"
#include "broker/state/sha256.hpp"
#include "protocol/base/result.hpp"

namespace crier::state {

inline constexpr std::uint32_t format_version = 1;

// Writes a state piece by piece, so that a history of hundreds of megabytes is never there twice: head,
// channels one by one in any order, finish.
class StateWriter {
 public:
  // Takes the bytes in order; keeps the view no longer than the call.
  using Sink = std::function<void(std::string_view)>;

  StateWriter(SavedHead head, Sink sink);
  // Each channel once. That it keeps the rules (rules.hpp) is asserted; its data is not looked at.
  void channel(const SavedChannel& channel);
  // The end record; nothing may follow.
  void finish();

 private:
  void message(const SavedMessage& message);
  void key(const SavedKey& key);
  template <class Integer>
  void integer(Integer value);
  void bytes(std::string_view bytes);
  void flush();

  const SavedHead head_;
  Sink sink_;
  Sha256 digest_;
  std::string buffer_;
  std::uint64_t bytes_flushed_ = 0;
  std::uint64_t channels_ = 0;
  bool finished_ = false;
};

// Errors: one sentence without its full stop that names what is wrong, and at which byte where that is known.
[[nodiscard]] Result<SavedState, std::string> read_state(std::string_view bytes);

}  // namespace crier::state
