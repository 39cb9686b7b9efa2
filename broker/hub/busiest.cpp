#include "broker/hub/busiest.hpp"

#include <algorithm>
#include <utility>

namespace crier::hub {

namespace {

constexpr auto least_on_top = [](const BusyChannel& a, const BusyChannel& b) { return a.before(b); };

}  // namespace

bool BusyChannel::before(const BusyChannel& other) const noexcept {
  if (published_per_second != other.published_per_second) return published_per_second > other.published_per_second;
  if (subscriptions != other.subscriptions) return subscriptions > other.subscriptions;
  return channel < other.channel;
}

void Busiest::offer(std::string_view channel, std::uint64_t subscriptions, double published_per_second) {
  // Most are not among them, and need no copy of their name.
  if (heap_.size() >= limit_ && limit_ > 0 && published_per_second < heap_.front().published_per_second) {
    ++offered_;
    return;
  }
  offer({std::string(channel), subscriptions, published_per_second});
}

void Busiest::offer(BusyChannel channel) {
  ++offered_;
  heap_.push_back(std::move(channel));
  std::ranges::push_heap(heap_, least_on_top);
  if (heap_.size() <= limit_) return;
  std::ranges::pop_heap(heap_, least_on_top);
  heap_.pop_back();
}

std::vector<BusyChannel> Busiest::take() {
  std::ranges::sort_heap(heap_, least_on_top);
  return std::exchange(heap_, {});
}

}  // namespace crier::hub
