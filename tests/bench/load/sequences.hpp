// What one subscriber has received of each publisher: every message exactly once, and in order?
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace crier::bench {

enum class Arrival : std::uint8_t {
  in_order,
  late,  // after a later one of the same publisher
  duplicate
};

// Numbers that were passed over, as [first, end) intervals of each publisher.
class Gaps {
 public:
  void add(std::uint32_t publisher, std::uint32_t first, std::uint32_t end) { ranges_[{publisher, first}] = end; }

  // Removes one number; false when it was not missing.
  bool take(std::uint32_t publisher, std::uint32_t seq) {
    auto range = ranges_.upper_bound({publisher, seq});
    if (range == ranges_.begin()) return false;
    --range;
    if (range->first.first != publisher || seq >= range->second) return false;
    const std::uint32_t first = range->first.second;
    const std::uint32_t end = range->second;
    ranges_.erase(range);
    if (first < seq) ranges_[{publisher, first}] = seq;
    if (seq + 1 < end) ranges_[{publisher, seq + 1}] = end;
    return true;
  }

  [[nodiscard]] std::uint64_t missing() const {
    std::uint64_t count = 0;
    for (const auto& [start, end] : ranges_) count += end - start.second;
    return count;
  }

 private:
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> ranges_;
};

class Sequences {
 public:
  // To be called before any message can come.
  void start(std::size_t publishers) { next_.assign(publishers, 0); }

  [[nodiscard]] std::size_t publishers() const { return next_.size(); }
  // The number that is expected next; those before it have come or are gaps.
  [[nodiscard]] std::uint32_t next(std::size_t publisher) const { return next_[publisher]; }
  [[nodiscard]] std::uint64_t gaps() const { return gaps_ ? gaps_->missing() : 0; }

  Arrival arrived(std::uint32_t publisher, std::uint32_t seq) {
    std::uint32_t& next = next_[publisher];
    if (seq == next) {
      ++next;
      return Arrival::in_order;
    }
    if (seq > next) {
      if (!gaps_) gaps_ = std::make_unique<Gaps>();
      gaps_->add(publisher, next, seq);
      next = seq + 1;
      return Arrival::in_order;
    }
    return gaps_ && gaps_->take(publisher, seq) ? Arrival::late : Arrival::duplicate;
  }

 private:
  std::vector<std::uint32_t> next_;  // of each publisher
  std::unique_ptr<Gaps> gaps_;       // most subscribers never have one
};

}  // namespace crier::bench
