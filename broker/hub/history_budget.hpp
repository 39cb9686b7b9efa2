// The memory of one shard's histories, and which of them has been left alone for longest (design rule 9).
//
// Owner: the shard; outlives its histories. Thread: the shard's.
#pragma once

#include <cstddef>

#include "protocol/base/check.hpp"

namespace crier::hub {

class History;

// Histories enter and leave the list and its total by themselves. Whoever appends to one then calls
//   while (budget.over()) budget.oldest()->drop_oldest();
class HistoryBudget {
 public:
  explicit HistoryBudget(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}
  HistoryBudget(const HistoryBudget&) = delete;
  HistoryBudget& operator=(const HistoryBudget&) = delete;
  ~HistoryBudget() { CRIER_ASSERT(oldest_ == nullptr && bytes_ == 0); }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  // Whoever lowers it makes room as behind an append.
  void set_bytes_max(std::size_t bytes_max) noexcept { bytes_max_ = bytes_max; }
  [[nodiscard]] std::size_t bytes_max() const noexcept { return bytes_max_; }
  [[nodiscard]] bool over() const noexcept { return bytes_ > bytes_max_; }
  // The least recently used history, which holds a message at least; null when none does. A channel that
  // is to be found from here has its history as a base.
  [[nodiscard]] History* oldest() const noexcept { return oldest_; }

 private:
  friend class History;
  void link(History& history) noexcept;  // as the most recently used
  void unlink(History& history) noexcept;

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  History* oldest_ = nullptr;
  History* newest_ = nullptr;
};

}  // namespace crier::hub
