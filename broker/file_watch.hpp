// Notices that files have become others, by looking at them from time to time: what editors, `mv`, configuration
// management and symbolic links that are turned to another directory have in common. Any one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace crier {

class FileWatch {
 public:
  // These, and no others. What a new one is like now is what later looks compare with.
  void watch(const std::vector<std::string>& paths);
  // The same for all of them. To be called before they are read: what changes meanwhile is then not overlooked.
  void look();
  [[nodiscard]] bool empty() const noexcept { return known_.empty(); }
  // True once for each change, and not before a second look in a row has found the files as the first did: who writes
  // one needs a moment, and often writes several.
  [[nodiscard]] bool changed();

 private:
  // Enough to tell a file from one that was written over it or moved in its place; all 0 when it is not there.
  struct Look {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t modified_ns = 0;
    std::int64_t bytes = 0;
    friend bool operator==(const Look&, const Look&) = default;
  };
  [[nodiscard]] static Look look_at(const std::string& path);

  std::map<std::string, Look> known_;
  std::map<std::string, Look> latest_;
};

}  // namespace crier
