#include "broker/admin/log_collector.hpp"

#include <string>
#include <utility>

#include "broker/runtime/log.hpp"
#include "broker/runtime/log_site.hpp"

namespace crier::admin {

std::vector<prometheus::MetricFamily> collect_log() {
  using prometheus::ClientMetric;
  using prometheus::MetricFamily;
  using prometheus::MetricType;
  ClientMetric discarded;
  discarded.counter.value = static_cast<double>(runtime::log_lines_discarded());
  MetricFamily suppressed{"crier_log_lines_suppressed_total",
                          "Log lines kept back because their place in the code has more to tell than ten lines a "
                          "second; the log says how many. Rising: clients bring about more of this than is healthy.",
                          MetricType::Counter,
                          {}};
  for (const runtime::LogSite* const site : runtime::log_sites().all()) {
    ClientMetric metric;
    metric.label = {{"site", std::string(site->name())}};
    metric.counter.value = static_cast<double>(site->suppressed());
    suppressed.metric.push_back(std::move(metric));
  }
  return {{"crier_log_lines_discarded_total",
           "Log lines that were lost: whoever reads the log does not keep up, or is gone, or its disk is full.",
           MetricType::Counter,
           {discarded}},
          std::move(suppressed)};
}

}  // namespace crier::admin
