// What an operator watches about the configuration: does the broker run with what the file says?
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <vector>

namespace crier::admin {

struct ReloadStatus {
  std::uint64_t succeeded = 0;  // reloads; the start is none
  std::uint64_t failed = 0;
  std::int64_t last_success_s = 0;  // Unix time; 0: none yet
  bool last_failed = false;
};

[[nodiscard]] std::vector<prometheus::MetricFamily> collect(const ReloadStatus& status);

}  // namespace crier::admin
