// Which channels somebody may see in a listing: whoever asks decides, the homes only apply it.
#pragma once

#include <string_view>

namespace crier::hub {

// Immutable. Thread: any; homes of several threads ask the same one.
class ChannelFilter {
 public:
  ChannelFilter() = default;
  ChannelFilter(const ChannelFilter&) = delete;
  ChannelFilter& operator=(const ChannelFilter&) = delete;
  virtual ~ChannelFilter() = default;

  [[nodiscard]] virtual bool admits(std::string_view channel) const = 0;
};

}  // namespace crier::hub
