#include "clients/cli/bench/sequences.hpp"

namespace crier::cli::benchmark {

void Holes::add(std::uint32_t publisher, std::uint32_t first, std::uint32_t end) {
  missing_ += end - first;
  if (ranges_.size() < ranges_max) {
    ranges_[{publisher, first}] = end;
  } else {
    unknown_ += end - first;
  }
}

bool Holes::take(std::uint32_t publisher, std::uint32_t sequence) {
  auto range = ranges_.upper_bound({publisher, sequence});
  const bool none = range == ranges_.begin();
  if (!none) --range;
  if (none || range->first.first != publisher || sequence >= range->second) {
    if (unknown_ == 0) return false;
    --unknown_;
    --missing_;
    return true;
  }
  const std::uint32_t first = range->first.second;
  const std::uint32_t end = range->second;
  ranges_.erase(range);
  if (first < sequence) ranges_[{publisher, first}] = sequence;
  --missing_;
  if (sequence + 1 == end) return true;
  if (ranges_.size() < ranges_max) {
    ranges_[{publisher, sequence + 1}] = end;
  } else {
    unknown_ += end - sequence - 1;
  }
  return true;
}

Arrival Sequences::arrived_out_of_turn(std::uint32_t publisher, std::uint32_t sequence) {
  std::uint32_t& next = next_[publisher];
  if (sequence > next) {
    if (!holes_) holes_ = std::make_unique<Holes>();
    holes_->add(publisher, next, sequence);
    next = sequence + 1;
    return Arrival::in_order;
  }
  return holes_ && holes_->take(publisher, sequence) ? Arrival::late : Arrival::duplicate;
}

}  // namespace crier::cli::benchmark
