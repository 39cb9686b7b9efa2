#include <unistd.h>

#include <sys/resource.h>
#include <sys/time.h>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "broker/admin/metrics_collector.hpp"

namespace crier::admin {

namespace {

prometheus::MetricFamily single(std::string name, std::string help, prometheus::MetricType type, double value) {
  prometheus::MetricFamily family{std::move(name), std::move(help), type, {}};
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(metric);
  return family;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double open_descriptors() {
  double count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end; at.increment(error))
    ++count;
  return count;
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  double resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace

ProcessCollector::ProcessCollector() : start_time_s_(static_cast<double>(std::time(nullptr))) {}

std::vector<prometheus::MetricFamily> ProcessCollector::Collect() const {
  using prometheus::MetricType;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  return {
      single("process_cpu_seconds_total", "User and system CPU time spent.", MetricType::Counter,
             seconds(usage.ru_utime) + seconds(usage.ru_stime)),
      single("process_resident_memory_bytes", "Resident memory.", MetricType::Gauge, resident_bytes()),
      single("process_open_fds", "Open file descriptors.", MetricType::Gauge, open_descriptors()),
      single("process_max_fds", "Most file descriptors that may be open.", MetricType::Gauge,
             static_cast<double>(descriptors.rlim_cur)),
      single("process_start_time_seconds", "When the process started, in seconds since 1970.", MetricType::Gauge,
             start_time_s_),
  };
}

}  // namespace crier::admin
