// What processes cost, from /proc.
#pragma once

#include <cstdint>
#include <vector>

namespace crier::bench {

struct Usage {
  double user_s = 0;  // CPU seconds since the start, of all threads
  double sys_s = 0;
  std::int64_t rss_kb = 0;  // pages shared by several of the processes count in each
  std::int64_t pss_kb = 0;  // and here once
  int processes = 0;
  int threads = 0;

  [[nodiscard]] double cpu_s() const { return user_s + sys_s; }
};

// CPU seconds of the whole machine.
struct MachineTime {
  double busy_s = 0;
  double stolen_s = 0;
};

// The given processes and all their descendants.
[[nodiscard]] std::vector<int> process_tree(const std::vector<int>& roots);

// Processes that are gone count nothing. `with_pss` walks page tables: dear for a large process.
[[nodiscard]] Usage usage_of(const std::vector<int>& pids, bool with_pss);

[[nodiscard]] MachineTime machine_time();

// CPU seconds of this process.
[[nodiscard]] double own_cpu_s();

}  // namespace crier::bench
