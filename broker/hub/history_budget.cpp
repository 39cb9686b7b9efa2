#include "broker/hub/history_budget.hpp"

#include "broker/hub/history.hpp"

namespace crier::hub {

void HistoryBudget::link(History& history) noexcept {
  history.older_ = newest_;
  history.newer_ = nullptr;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = &history;
  newest_ = &history;
}

void HistoryBudget::unlink(History& history) noexcept {
  (history.older_ != nullptr ? history.older_->newer_ : oldest_) = history.newer_;
  (history.newer_ != nullptr ? history.newer_->older_ : newest_) = history.older_;
}

}  // namespace crier::hub
