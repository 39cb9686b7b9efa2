#include "broker/auth/grants.hpp"

#include <algorithm>

#include "protocol/command/channel_name.hpp"
#include "protocol/command/quote.hpp"
#include "protocol/command/utf8_prefix.hpp"

namespace crier::auth {

namespace {

// The first token, which is removed; tokens are never empty, so nothing left means no further one.
std::string_view take_token(std::string_view& rest) noexcept {
  const std::size_t dot = rest.find('.');
  const std::string_view token = rest.substr(0, dot);
  rest.remove_prefix(dot == std::string_view::npos ? rest.size() : dot + 1);
  return token;
}

bool remove_namespace(std::string_view& text, std::string_view name) noexcept {
  if (command::namespace_of(text) != name) return false;
  if (!name.empty()) text.remove_prefix(name.size() + 1);
  return true;
}

std::string name_item(std::string_view item) {
  if (command::utf8_prefix_bytes(item) != item.size()) return "an item that is not UTF-8";
  return command::quote(item);
}

}  // namespace

bool pattern_contains(std::string_view pattern, std::string_view channel_or_pattern) noexcept {
  const std::string_view name = command::namespace_of(pattern);
  if (!remove_namespace(channel_or_pattern, name)) return false;
  (void)remove_namespace(pattern, name);
  while (!pattern.empty() && !channel_or_pattern.empty()) {
    const std::string_view ours = take_token(pattern);
    if (ours == ">") return true;  // one or more of whatever follows
    const std::string_view theirs = take_token(channel_or_pattern);
    if (theirs == ">") return false;  // also stands for more tokens than ours goes on with
    if (ours != "*" && ours != theirs) return false;
  }
  return pattern.empty() && channel_or_pattern.empty();
}

Result<Grants, std::string> Grants::parse(std::span<const std::string> items) {
  Grants grants;
  for (const std::string& item : items) {
    const bool pattern = command::looks_like_pattern(item);
    const std::string fault = pattern ? command::check_channel_pattern(item) : command::check_channel_name(item);
    if (!fault.empty()) return name_item(item) + " " + fault;
    (pattern ? grants.patterns_ : grants.names_).push_back(item);
  }
  std::ranges::sort(grants.names_);
  return grants;
}

bool Grants::cover(std::string_view channel_or_pattern) const {
  // A name covers no pattern: not even the narrowest stands for one channel alone.
  if (std::ranges::binary_search(names_, channel_or_pattern)) return true;
  return std::ranges::any_of(patterns_,
                             [&](const std::string& pattern) { return pattern_contains(pattern, channel_or_pattern); });
}

}  // namespace crier::auth
