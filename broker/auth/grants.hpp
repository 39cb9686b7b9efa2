// What a token or a key allows, as names and patterns of channels. Immutable.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"

namespace crier::auth {

class Grants {
 public:
  Grants() = default;
  // Names and patterns, each as a channel or pattern of the contract. The error is a sentence that names the item.
  [[nodiscard]] static Result<Grants, std::string> parse(std::span<const std::string> items);

  // Is the channel one of those named or matched? A pattern is covered when everything that it could ever match is
  // matched by a single one of ours: containment, never text. The argument is a valid name or pattern.
  [[nodiscard]] bool cover(std::string_view channel_or_pattern) const;
  [[nodiscard]] bool empty() const noexcept { return names_.empty() && patterns_.empty(); }

 private:
  std::vector<std::string> names_;  // sorted: a publish may ask for each of its channels
  std::vector<std::string> patterns_;
};

// Does the pattern match everything that the valid name or pattern stands for?
[[nodiscard]] bool pattern_contains(std::string_view pattern, std::string_view channel_or_pattern) noexcept;

}  // namespace crier::auth
