// Names in messages: the nearest known one, and text that cannot disturb a terminal or a log.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace crier::config {

// The candidate that `name` was most likely meant to be; "" when none is near. Case, and '-' for '_', count
// for nothing; neighbours swapped are one slip.
[[nodiscard]] std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates);

// In double quotes, cut to a readable length, control characters spelled out.
[[nodiscard]] std::string in_quotes(std::string_view text);

// A key as TOML would have it: bare where possible, else quoted.
[[nodiscard]] std::string key_text(std::string_view key);

// [A-Za-z0-9_-]+: TOML's bare keys, and the wire contract's namespaces.
[[nodiscard]] bool is_bare(std::string_view name);

// All pieces, one after the other. (g++ 12 sees a false overlap in chains of + that begin with a literal.)
[[nodiscard]] std::string concat(std::initializer_list<std::string_view> pieces);

// "a, b, c"
[[nodiscard]] std::string listed(std::span<const std::string_view> names);

}  // namespace crier::config
