// Which patterns match a channel's name: a tree of tokens, for all namespaces together.
//
// A pattern is a path of steps (its namespace, then its tokens up to the last wildcard) and a tail: the
// literals behind that, or its '>'. A node has one child by '*' and any number by literals. Those and the
// patterns that end at a node are found by hashes: a name costs a look-up or two at each node that it
// reaches, whatever the number of patterns.
//
// What a hostile set of patterns can cost: the literal and the '*' below each node double what is reached
// with each token, and every message would pay for that. Therefore wildcards may stand among the first ten
// tokens only (check_pattern_limits), and what stands behind the last wildcard takes a single look-up. So
// no name reaches more than 2^11 - 1 nodes below its namespace, nor more than there are; and none matches more
// than 2,046 patterns. A limit on the number of wildcards alone would not do: four among 127 tokens make
// millions. Nothing recurses.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/hub/message.hpp"
#include "protocol/base/check.hpp"

namespace crier::hub {

// So many first tokens of a pattern may be wildcards, '>' among them; literals may follow.
inline constexpr std::size_t pattern_wildcard_tokens_max = 10;

// For a valid pattern (command::check_channel_pattern). Answers "" when it may be inserted, otherwise why
// not, as the rest of a sentence that begins with the pattern: the session's limit_exceeded.
[[nodiscard]] std::string check_pattern_limits(std::string_view pattern);

// For one valid pattern and one valid name.
[[nodiscard]] bool pattern_matches(std::string_view pattern, std::string_view channel) noexcept;

// Values of 32 bits by a node and a hash; several may stand under the same.
class NodeTable {
 public:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  // The first value under the two that `accept(value)` takes; otherwise none.
  template <class Accept>
  [[nodiscard]] std::uint32_t find(std::uint32_t node, std::uint32_t hash, Accept accept) const {
    if (size_ == 0) return none;
    for (std::size_t at = home_of(node, hash);; at = (at + 1) & mask()) {
      const Slot& slot = slots_[at];
      if (slot.value == none || (slot.node == node && slot.hash == hash && accept(slot.value))) return slot.value;
    }
  }
  void insert(std::uint32_t node, std::uint32_t hash, std::uint32_t value);
  void erase(std::uint32_t node, std::uint32_t hash, std::uint32_t value);

 private:
  struct Slot {
    std::uint32_t node = 0;
    std::uint32_t hash = 0;
    std::uint32_t value = none;
  };
  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
  // The hashes of tokens are good and seeded, but the same ones stand under many nodes.
  [[nodiscard]] std::size_t home_of(std::uint32_t node, std::uint32_t hash) const noexcept {
    return (((std::uint64_t{node} << 32 | hash) * 0x9E3779B97F4A7C15ULL) >> 32 ^ hash) & mask();
  }
  void place(const Slot& slot) noexcept;
  void rehash(std::size_t slot_count);

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

// The tree without the records: ids of 32 bits. Tokens are known to it by 32 bits of their hashes, so two
// literals may share a node: the caller's `accept` compares the texts, and finds the one that is meant.
class PatternIndex {
 public:
  static constexpr std::uint32_t no_id = NodeTable::none;

  PatternIndex() : nodes_(1) {}

  // The namespaces' among them; 0 when there are no patterns.
  [[nodiscard]] std::size_t node_count() const noexcept { return nodes_.size() - 1 - free_nodes_.size(); }

  // The pattern obeys check_pattern_limits and is not in the index.
  void insert(std::string_view pattern, std::uint32_t id);
  void erase(std::string_view pattern, std::uint32_t id);

  // The id that `accept(id)` takes among those that may be this very pattern; otherwise no_id.
  template <class Accept>
  [[nodiscard]] std::uint32_t find(std::string_view pattern, Accept accept) const {
    const Path path = path_of(pattern);
    if (path.beyond_limits) return no_id;
    std::uint32_t node = root;
    for (std::uint32_t at = 0; at < path.step_count && node != no_node; ++at) node = child(node, path.steps[at]);
    return node == no_node ? no_id : ends_.find(node, path.end, accept);
  }

  // visit(id) for each that `accept(id)` takes among those that may match the name.
  template <class Accept, class Visit>
  void match(std::string_view channel, Accept accept, Visit visit) const {
    NameWalk walk(channel);
    // What is still to be seen: at most one node for each token, and one more.
    struct Reached {
      std::uint32_t node;
      std::uint32_t tokens;  // of the name that lie behind it
    };
    std::array<Reached, pattern_wildcard_tokens_max + 2> stack;
    std::size_t depth = 0;
    const auto push = [&](std::uint32_t node, std::uint32_t tokens) {
      if (node != no_node) stack[depth++] = {node, tokens};
    };
    const auto look_up = [&](std::uint32_t node, std::uint32_t end) {
      const std::uint32_t id = ends_.find(node, end, accept);
      if (id != no_id) visit(id);
    };
    push(child(root, walk.namespace_step()), 0);
    while (depth != 0) {
      const auto [at, tokens] = stack[--depth];
      const Node node = nodes_[at];
      if (node.tails != 0) look_up(at, walk.tail(tokens));
      if (walk.ends_at(tokens)) continue;
      if (node.open_ends != 0) look_up(at, open_end);
      push(node.star, tokens + 1);
      if (node.literals != 0) push(child(at, walk.step(tokens)), tokens + 1);
    }
  }

 private:
  static constexpr std::uint32_t root = 0;
  static constexpr std::uint32_t no_node = NodeTable::none;
  static constexpr std::uint32_t open_end = 0;  // what stands for '>'; no tail's hash is even

  struct Node {
    std::uint32_t star = no_node;
    std::uint32_t literals = 0;   // children
    std::uint32_t tails = 0;      // patterns that end here, without
    std::uint32_t open_ends = 0;  // and with '>'
    [[nodiscard]] bool empty() const noexcept {
      return star == no_node && literals == 0 && tails == 0 && open_ends == 0;
    }
  };
  struct Step {
    bool star = false;
    std::uint32_t hash = 0;
  };
  struct Path {
    std::array<Step, pattern_wildcard_tokens_max + 1> steps;
    std::uint32_t step_count = 0;
    std::uint32_t end = open_end;
    bool beyond_limits = false;
  };

  // A name, token by token, as far as nodes are reached; each is hashed once.
  class NameWalk {
   public:
    explicit NameWalk(std::string_view channel) noexcept;
    [[nodiscard]] Step namespace_step() const noexcept { return namespace_step_; }
    [[nodiscard]] Step step(std::uint32_t token) noexcept;
    [[nodiscard]] std::uint32_t tail(std::uint32_t tokens) noexcept;  // what lies behind so many
    [[nodiscard]] bool ends_at(std::uint32_t tokens) noexcept { return behind(tokens).empty(); }

   private:
    std::string_view behind(std::uint32_t tokens) noexcept;

    Step namespace_step_;
    std::array<std::string_view, pattern_wildcard_tokens_max + 1> behind_;  // so many tokens
    std::array<std::uint32_t, pattern_wildcard_tokens_max> steps_{};        // hashes; 0 when not known yet
    std::array<std::uint32_t, pattern_wildcard_tokens_max + 1> tails_{};
    std::uint32_t known_ = 0;
  };

  [[nodiscard]] static Path path_of(std::string_view pattern) noexcept;
  [[nodiscard]] std::uint32_t child(std::uint32_t node, Step step) const {
    if (step.star) return nodes_[node].star;
    return children_.find(node, step.hash, [](std::uint32_t) { return true; });
  }
  std::uint32_t add_child(std::uint32_t node, Step step);
  void remove_child(std::uint32_t node, Step step, std::uint32_t child);

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_nodes_;  // these are empty
  NodeTable children_;                     // by literals
  NodeTable ends_;                         // the patterns' ids, by their tails
};

// Record needs `std::string_view name() const`, the pattern, which is valid and obeys check_pattern_limits.
// The tree owns its records and never moves them. Thread: its owner's.
template <class Record>
class PatternTree {
 public:
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t node_count() const noexcept { return index_.node_count(); }

  // That very pattern.
  [[nodiscard]] Record* find(std::string_view pattern) const {
    const std::uint32_t id = id_of(pattern);
    return id == PatternIndex::no_id ? nullptr : records_[id].get();
  }

  // No record of that pattern is in the tree.
  Record& insert(std::unique_ptr<Record> record) {
    CRIER_ASSERT(visits_ == 0);
    CRIER_ASSERT(find(record->name()) == nullptr);
    if (free_ids_.empty()) {
      CRIER_ASSERT(records_.size() < PatternIndex::no_id);
      free_ids_.push_back(static_cast<std::uint32_t>(records_.size()));
      records_.emplace_back();
    }
    const std::uint32_t id = free_ids_.back();
    free_ids_.pop_back();
    index_.insert(record->name(), id);
    ++size_;
    records_[id] = std::move(record);
    return *records_[id];
  }

  void erase(Record& record) {
    CRIER_ASSERT(visits_ == 0);
    const std::uint32_t id = id_of(record.name());
    CRIER_ASSERT(id != PatternIndex::no_id && records_[id].get() == &record);
    index_.erase(record.name(), id);
    records_[id].reset();
    free_ids_.push_back(id);
    --size_;
  }

  // visit(Record&) once for each pattern that matches the valid name, in an order that follows from the
  // patterns alone: what ends at a node, then what goes on with the name's token, then with '*'. Our own
  // internal channels match nothing.
  // `visit` must neither insert nor erase; it may match again.
  template <class Visit>
  void match(std::string_view channel, Visit visit) const {
    if (size_ == 0 || channel.starts_with(internal_channel_prefix)) return;
    ++visits_;
    index_.match(
        channel, [&](std::uint32_t id) { return pattern_matches(records_[id]->name(), channel); },
        [&](std::uint32_t id) { visit(*records_[id]); });
    --visits_;
  }

  // In an order that follows from the insertions and erasures alone. `visit` must neither insert nor erase.
  template <class Visit>
  void for_each(Visit visit) const {
    ++visits_;
    for (const auto& record : records_) {
      if (record) visit(*record);
    }
    --visits_;
  }

 private:
  [[nodiscard]] std::uint32_t id_of(std::string_view pattern) const {
    return index_.find(pattern, [&](std::uint32_t id) { return records_[id]->name() == pattern; });
  }

  PatternIndex index_;
  std::vector<std::unique_ptr<Record>> records_;  // by id
  std::vector<std::uint32_t> free_ids_;
  std::size_t size_ = 0;
  mutable std::uint32_t visits_ = 0;  // that are going on
};

}  // namespace crier::hub
