#include "broker/admin/reload_status.hpp"

#include <string>
#include <utility>

namespace crier::admin {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily gauge(std::string name, std::string help, double value) {
  ClientMetric metric;
  metric.gauge.value = value;
  return {std::move(name), std::move(help), MetricType::Gauge, {std::move(metric)}};
}

ClientMetric count(std::string result, std::uint64_t value) {
  ClientMetric metric;
  metric.label = {{"result", std::move(result)}};
  metric.counter.value = static_cast<double>(value);
  return metric;
}

}  // namespace

std::vector<MetricFamily> collect(const ReloadStatus& status) {
  return {
      {"crier_config_reloads_total",
       "Times the configuration was read again. A failure changes nothing: the log says what to mend.",
       MetricType::Counter,
       {count("success", status.succeeded), count("failure", status.failed)}},
      gauge("crier_config_last_reload_successful",
            "1 while the broker runs with what its configuration said when it was last read; 0: that was refused.",
            status.last_failed ? 0 : 1),
      gauge("crier_config_last_reload_success_timestamp_seconds",
            "Unix time of the last reload that was taken; 0: none since the start.",
            static_cast<double>(status.last_success_s)),
  };
}

}  // namespace crier::admin
