#include "broker/hub/pattern_tree.hpp"

#include "protocol/command/channel_name.hpp"

namespace crier::hub {

namespace {

// What comes behind the namespace and its ':'.
std::string_view tokens_of(std::string_view name) noexcept {
  return name.substr(name.find(':') + 1);  // without a ':' that is npos + 1, the beginning
}

// Takes the first token off. The last one leaves `rest` without data, which no token has.
std::string_view next_token(std::string_view& rest) noexcept {
  const std::size_t dot = rest.find('.');
  const std::string_view token = rest.substr(0, dot);
  rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
  return token;
}

// Never 0, which says '>' or not known yet.
std::uint32_t short_hash(std::string_view text) noexcept {
  return static_cast<std::uint32_t>(hash_of(text) >> 32) | 1;
}

}  // namespace

std::string check_pattern_limits(std::string_view pattern) {
  std::string_view rest = tokens_of(pattern);
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::string_view token = next_token(rest);
    if (number > pattern_wildcard_tokens_max && (token == "*" || token == ">")) {
      return "has the wildcard '" + std::string(token) + "' as token " + std::to_string(number) +
             ", but only the first " + std::to_string(pattern_wildcard_tokens_max) + " may be wildcards";
    }
  }
  return {};
}

bool pattern_matches(std::string_view pattern, std::string_view channel) noexcept {
  // Where there is no namespace there is no ':', and a namespace is literal.
  if ((pattern.find(':') == std::string_view::npos) != (channel.find(':') == std::string_view::npos)) return false;
  std::size_t at = 0;
  for (const char c : pattern) {
    if (c == '>') return at < channel.size();
    if (c == '*') {
      while (at < channel.size() && channel[at] != '.') ++at;
    } else if (at < channel.size() && channel[at] == c) {
      ++at;
    } else {
      return false;
    }
  }
  return at == channel.size();
}

PatternIndex::Path PatternIndex::path_of(std::string_view pattern) noexcept {
  Path path;
  path.steps[0] = {false, short_hash(command::namespace_of(pattern))};
  path.step_count = 1;
  std::string_view rest = tokens_of(pattern);
  std::string_view tail = rest;
  for (std::uint32_t number = 1; !rest.empty(); ++number) {
    const std::string_view token = next_token(rest);
    const bool star = token == "*";
    const bool open = token == ">";
    if (number > pattern_wildcard_tokens_max) {
      path.beyond_limits = path.beyond_limits || star || open;
      continue;
    }
    if (open) {
      path.step_count = number;
      return path;
    }
    path.steps[number] = {star, star ? 0 : short_hash(token)};
    if (star) {
      path.step_count = number + 1;
      tail = rest;
    }
  }
  path.end = short_hash(tail);
  return path;
}

PatternIndex::NameWalk::NameWalk(std::string_view channel) noexcept
    : namespace_step_{false, short_hash(command::namespace_of(channel))} {
  behind_[0] = tokens_of(channel);
}

std::string_view PatternIndex::NameWalk::behind(std::uint32_t tokens) noexcept {
  for (; known_ < tokens; ++known_) {
    behind_[known_ + 1] = behind_[known_];
    next_token(behind_[known_ + 1]);
  }
  return behind_[tokens];
}

PatternIndex::Step PatternIndex::NameWalk::step(std::uint32_t token) noexcept {
  std::uint32_t& hash = steps_[token];
  if (hash == 0) {
    std::string_view rest = behind(token);
    hash = short_hash(next_token(rest));
  }
  return {false, hash};
}

std::uint32_t PatternIndex::NameWalk::tail(std::uint32_t tokens) noexcept {
  std::uint32_t& hash = tails_[tokens];
  if (hash == 0) hash = short_hash(behind(tokens));
  return hash;
}

void PatternIndex::insert(std::string_view pattern, std::uint32_t id) {
  const Path path = path_of(pattern);
  CRIER_ASSERT(!path.beyond_limits);
  std::uint32_t node = root;
  for (std::uint32_t at = 0; at < path.step_count; ++at) node = add_child(node, path.steps[at]);
  ++(path.end == open_end ? nodes_[node].open_ends : nodes_[node].tails);
  ends_.insert(node, path.end, id);
}

void PatternIndex::erase(std::string_view pattern, std::uint32_t id) {
  const Path path = path_of(pattern);
  std::array<std::uint32_t, pattern_wildcard_tokens_max + 2> nodes{root};
  for (std::uint32_t at = 0; at < path.step_count; ++at) {
    nodes[at + 1] = child(nodes[at], path.steps[at]);
    CRIER_ASSERT(nodes[at + 1] != no_node);
  }
  std::uint32_t at = path.step_count;
  ends_.erase(nodes[at], path.end, id);
  --(path.end == open_end ? nodes_[nodes[at]].open_ends : nodes_[nodes[at]].tails);
  for (; at != 0 && nodes_[nodes[at]].empty(); --at) remove_child(nodes[at - 1], path.steps[at - 1], nodes[at]);
}

std::uint32_t PatternIndex::add_child(std::uint32_t node, Step step) {
  const std::uint32_t known = child(node, step);
  if (known != no_node) return known;
  if (free_nodes_.empty()) {
    CRIER_ASSERT(nodes_.size() < no_node);
    free_nodes_.push_back(static_cast<std::uint32_t>(nodes_.size()));
    nodes_.emplace_back();
  }
  const std::uint32_t added = free_nodes_.back();
  free_nodes_.pop_back();
  if (step.star) {
    nodes_[node].star = added;
  } else {
    ++nodes_[node].literals;
    children_.insert(node, step.hash, added);
  }
  return added;
}

void PatternIndex::remove_child(std::uint32_t node, Step step, std::uint32_t child) {
  if (step.star) {
    nodes_[node].star = no_node;
  } else {
    --nodes_[node].literals;
    children_.erase(node, step.hash, child);
  }
  free_nodes_.push_back(child);
}

void NodeTable::insert(std::uint32_t node, std::uint32_t hash, std::uint32_t value) {
  if ((size_ + 1) * 2 > slots_.size()) rehash(slots_.empty() ? 64 : slots_.size() * 2);
  place({node, hash, value});
  ++size_;
}

void NodeTable::erase(std::uint32_t node, std::uint32_t hash, std::uint32_t value) {
  CRIER_ASSERT(size_ != 0);
  std::size_t gap = home_of(node, hash);
  while (slots_[gap].node != node || slots_[gap].hash != hash || slots_[gap].value != value) {
    CRIER_ASSERT(slots_[gap].value != none);
    gap = (gap + 1) & mask();
  }
  slots_[gap] = {};
  --size_;
  // As in NameTable: what stands behind the gap moves up unless that would put it before its own place.
  for (std::size_t at = (gap + 1) & mask(); slots_[at].value != none; at = (at + 1) & mask()) {
    const std::size_t home = home_of(slots_[at].node, slots_[at].hash);
    if (((at - home) & mask()) >= ((at - gap) & mask())) {
      slots_[gap] = slots_[at];
      slots_[at] = {};
      gap = at;
    }
  }
  if (slots_.size() > 64 && size_ * 8 < slots_.size()) rehash(slots_.size() / 2);
}

void NodeTable::place(const Slot& slot) noexcept {
  std::size_t at = home_of(slot.node, slot.hash);
  while (slots_[at].value != none) at = (at + 1) & mask();
  slots_[at] = slot;
}

void NodeTable::rehash(std::size_t slot_count) {
  std::vector<Slot> old(slot_count);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.value != none) place(slot);
  }
}

}  // namespace crier::hub
