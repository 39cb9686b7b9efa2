#include "broker/config/draft.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

namespace crier::config {

std::string Source::place() const {
  return at.line == 0 ? where : where + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

void Draft::set_from(const std::string& id, Source source) {
  sources_.insert_or_assign(id, std::move(source));
  faulty_.erase(id);
}

void Draft::forget(std::string_view id) {
  const std::string item = std::string(id) + "[";
  std::erase_if(sources_, [&](const auto& entry) { return entry.first == id || entry.first.starts_with(item); });
}

const Source* Draft::source_of(std::string_view id) const {
  const auto found = sources_.find(id);
  return found == sources_.end() ? nullptr : &found->second;
}

bool Draft::any_faulty_below(std::string_view prefix) const {
  const auto first = faulty_.lower_bound(prefix);
  return first != faulty_.end() && first->starts_with(prefix);
}

void Draft::add_problem(const Source& source, std::string_view text) {
  std::string message = source.key.empty() ? "" : source.key + ": ";
  message += text;
  faults_.push_back({source.at, {source.place(), std::move(message)}});
}

Problems Draft::problems() const {
  // The index keeps those of one place in the order in which they were found.
  std::vector<std::tuple<std::uint32_t, std::uint32_t, std::size_t>> order;
  for (std::size_t i = 0; i < faults_.size(); ++i) {
    const Place at = faults_[i].at;
    order.emplace_back(at.line == 0 ? std::numeric_limits<std::uint32_t>::max() : at.line, at.column, i);
  }
  std::ranges::sort(order);
  Problems out;
  for (const auto& entry : order) out.push_back(faults_[std::get<2>(entry)].problem);
  return out;
}

}  // namespace crier::config
