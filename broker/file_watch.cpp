#include "broker/file_watch.hpp"

#include <sys/stat.h>

#include <utility>

namespace crier {

FileWatch::Look FileWatch::look_at(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino, std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec,
          found.st_size};
}

void FileWatch::watch(const std::vector<std::string>& paths) {
  std::map<std::string, Look> known;
  for (const std::string& path : paths) {
    const auto before = known_.find(path);
    known.emplace(path, before != known_.end() ? before->second : look_at(path));
  }
  latest_ = known_ = std::move(known);
}

void FileWatch::look() {
  for (auto& [path, look] : known_) look = look_at(path);
  latest_ = known_;
}

bool FileWatch::changed() {
  std::map<std::string, Look> now;
  for (const auto& [path, look] : known_) now.emplace(path, look_at(path));
  const bool settled = now == latest_;
  latest_ = std::move(now);
  if (!settled || latest_ == known_) return false;
  known_ = latest_;
  return true;
}

}  // namespace crier
