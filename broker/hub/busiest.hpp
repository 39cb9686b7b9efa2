// The channels with the most messages of late.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace crier::hub {

struct BusyChannel {
  std::string channel;
  std::uint64_t subscriptions = 0;  // exact ones, of all shards
  double published_per_second = 0;  // of the last few seconds

  // The busier one, and where nothing happens the one with more subscribers. A strict order, by the name at last.
  [[nodiscard]] bool before(const BusyChannel& other) const noexcept;
};

// At most `limit` channels, the busiest ones of all that were offered. Memory: those alone.
class Busiest {
 public:
  explicit Busiest(std::size_t limit) : limit_(limit) {}
  void offer(std::string_view channel, std::uint64_t subscriptions, double published_per_second);
  void offer(BusyChannel channel);
  [[nodiscard]] std::size_t offered() const noexcept { return offered_; }
  // Busiest first; nothing is left.
  [[nodiscard]] std::vector<BusyChannel> take();

 private:
  std::size_t limit_;
  std::size_t offered_ = 0;
  std::vector<BusyChannel> heap_;  // the least busy one on top
};

}  // namespace crier::hub
