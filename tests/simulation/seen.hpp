// What the worlds have shown, by kind: a simulation that never saw a gap has not shown that gaps are right.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace crier::simulation {

enum class Sight : std::uint8_t {
  message,
  pattern_message,
  gap,
  gap_conflated,
  gap_unknown,
  gap_epoch,
  recovered,
  unrecovered,
  replayed,
  lag,
  slow_consumer,
  published,
  duplicate,
  refused,
  timed_out,
  excluded,
  join,
  leave,
  count,
  members_anew,
  history_page,
  restart,
  crash,
  stay_at_rest,
};
inline constexpr std::array<std::string_view, 24> sight_names = {"messages",
                                                                 "by pattern",
                                                                 "gaps",
                                                                 "conflated",
                                                                 "of unknown size",
                                                                 "of a new epoch",
                                                                 "recovered",
                                                                 "not recovered",
                                                                 "replayed",
                                                                 "began to lag",
                                                                 "slow consumers",
                                                                 "published",
                                                                 "duplicates by key",
                                                                 "refused",
                                                                 "timed out",
                                                                 "excluded",
                                                                 "joins",
                                                                 "leaves",
                                                                 "counts",
                                                                 "members anew",
                                                                 "history pages",
                                                                 "restarts",
                                                                 "crashes",
                                                                 "streams at rest"};

class Seen {
 public:
  void note(Sight sight, std::uint64_t times = 1) { counts_[static_cast<std::size_t>(sight)] += times; }
  [[nodiscard]] std::uint64_t count(Sight sight) const { return counts_[static_cast<std::size_t>(sight)]; }
  void add(const Seen& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }
  [[nodiscard]] std::string text() const {
    std::string out;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      out += i == 0 ? "" : i % 6 == 0 ? ",\n  " : ", ";
      out += std::to_string(counts_[i]);
      out += ' ';
      out += sight_names[i];
    }
    return out;
  }

 private:
  std::array<std::uint64_t, sight_names.size()> counts_{};
};

}  // namespace crier::simulation
