// What one subscriber has of each publisher: every message once, and in order?
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace crier::cli::benchmark {

enum class Arrival : std::uint8_t {
  in_order,
  late,  // after a later one of the same publisher
  duplicate,
};

// Numbers that were passed over: so many ranges at most, however much a broker loses.
class Holes {
 public:
  static constexpr std::size_t ranges_max = 4096;

  // [first, end) of that publisher.
  void add(std::uint32_t publisher, std::uint32_t first, std::uint32_t end);
  // One of them has come after all; false where it is not missing.
  [[nodiscard]] bool take(std::uint32_t publisher, std::uint32_t sequence);
  [[nodiscard]] std::uint64_t missing() const { return missing_; }

 private:
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> ranges_;  // (publisher, first) -> end
  std::uint64_t missing_ = 0;
  std::uint64_t unknown_ = 0;  // of those: beyond ranges_max, only counted
};

class Sequences {
 public:
  // Before any message can come.
  void start(std::size_t publishers) { next_.assign(publishers, 0); }

  [[nodiscard]] std::size_t publishers() const { return next_.size(); }
  [[nodiscard]] Arrival arrived(std::uint32_t publisher, std::uint32_t sequence) {
    if (sequence != next_[publisher]) return arrived_out_of_turn(publisher, sequence);
    ++next_[publisher];
    return Arrival::in_order;
  }
  // Of the `published` messages of that publisher, those behind the last that came.
  [[nodiscard]] std::uint64_t missing_at_the_end(std::size_t publisher, std::uint32_t published) const {
    return published - next_[publisher];
  }
  // Those before.
  [[nodiscard]] std::uint64_t missing_between() const { return holes_ ? holes_->missing() : 0; }

 private:
  [[nodiscard]] Arrival arrived_out_of_turn(std::uint32_t publisher, std::uint32_t sequence);

  std::vector<std::uint32_t> next_;  // of each publisher; those before have come, or are holes
  std::unique_ptr<Holes> holes_;     // most subscribers never have one
};

}  // namespace crier::cli::benchmark
