#include "tests/bench/load/process_usage.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

// Of the fields that stat_fields returns; proc(5) counts from 1 and has two before them.
constexpr std::size_t parent_field = 4 - 3;
constexpr std::size_t utime_field = 14 - 3;
constexpr std::size_t stime_field = 15 - 3;
constexpr std::size_t children_utime_field = 16 - 3;
constexpr std::size_t children_stime_field = 17 - 3;
constexpr std::size_t threads_field = 20 - 3;
constexpr std::size_t rss_field = 24 - 3;

double tick_s() {
  static const double tick = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return tick;
}

std::string slurp(const std::string& path) {
  std::string out;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return out;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return out;
}

// The fields of /proc/PID/stat from the third one (state) on: the second may itself contain spaces.
std::vector<std::int64_t> stat_fields(int pid) {
  const std::string stat = slurp(formatted("/proc/%d/stat", pid));
  const std::size_t paren = stat.rfind(')');
  std::vector<std::int64_t> fields;
  if (paren == std::string::npos) return fields;
  std::istringstream in(stat.substr(paren + 2));
  for (std::string word; in >> word;) fields.push_back(std::atoll(word.c_str()));
  return fields;
}

std::multimap<int, int> children_of_all() {
  std::multimap<int, int> children;
  DIR* const directory = ::opendir("/proc");
  if (directory == nullptr) return children;
  while (const dirent* entry = ::readdir(directory)) {
    const int pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    const auto fields = stat_fields(pid);
    if (fields.size() > parent_field) children.emplace(static_cast<int>(fields[parent_field]), pid);
  }
  ::closedir(directory);
  return children;
}

}  // namespace

std::vector<int> process_tree(const std::vector<int>& roots) {
  if (roots.empty()) return {};
  const auto children = children_of_all();
  std::vector<int> all = roots;
  std::set<int> seen(roots.begin(), roots.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto [child, last] = children.equal_range(all[i]);
    for (; child != last; ++child) {
      if (seen.insert(child->second).second) all.push_back(child->second);
    }
  }
  return all;
}

Usage usage_of(const std::vector<int>& pids, bool with_pss) {
  static const std::int64_t page_kb = ::sysconf(_SC_PAGESIZE) / 1024;
  Usage usage;
  for (const int pid : pids) {
    const auto fields = stat_fields(pid);
    if (fields.size() <= rss_field) continue;
    ++usage.processes;
    usage.user_s += static_cast<double>(fields[utime_field] + fields[children_utime_field]) * tick_s();
    usage.sys_s += static_cast<double>(fields[stime_field] + fields[children_stime_field]) * tick_s();
    usage.threads += static_cast<int>(fields[threads_field]);
    usage.rss_kb += fields[rss_field] * page_kb;
    if (!with_pss) continue;
    constexpr std::string_view key = "\nPss:";
    const std::string rollup = slurp(formatted("/proc/%d/smaps_rollup", pid));
    const std::size_t at = rollup.find(key);
    if (at != std::string::npos) usage.pss_kb += std::atoll(rollup.c_str() + at + key.size());
  }
  return usage;
}

MachineTime machine_time() {
  std::istringstream in(slurp("/proc/stat"));
  std::string cpu;
  double user = 0, nice = 0, sys = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  if (!(in >> cpu >> user >> nice >> sys >> idle >> iowait >> irq >> softirq >> steal)) return {};
  return {(user + nice + sys + irq + softirq) * tick_s(), steal * tick_s()};
}

double own_cpu_s() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

}  // namespace crier::bench
