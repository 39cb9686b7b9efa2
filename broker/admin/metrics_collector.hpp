// Turns the loops' counters into metric families for Prometheus. Reading costs the loops nothing.
// Thread: the administrative one.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <vector>

#include "broker/runtime/thread_metrics.hpp"

namespace crier::admin {

class MetricsCollector final : public prometheus::Collectable {
 public:
  // The loops' metrics, in the order of their numbers; they outlive this.
  explicit MetricsCollector(std::vector<const runtime::ThreadMetrics*> threads) : threads_(std::move(threads)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::vector<const runtime::ThreadMetrics*> threads_;
};

// CPU seconds, memory and descriptors of this process, from /proc/self.
class ProcessCollector final : public prometheus::Collectable {
 public:
  ProcessCollector();
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  double start_time_s_ = 0;
};

}  // namespace crier::admin
