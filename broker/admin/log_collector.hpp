// What an operator watches about the log itself: does it tell everything?
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

namespace crier::admin {

[[nodiscard]] std::vector<prometheus::MetricFamily> collect_log();

}  // namespace crier::admin
