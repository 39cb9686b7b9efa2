#include "broker/state/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "protocol/base/check.hpp"

namespace crier::state {
namespace {

constexpr mode_t directory_mode = 0700;
constexpr mode_t file_mode = 0600;

// "cannot write /var/lib/crier/crier.state.new: No space left on device"
std::string system_fault(const char* verb, const std::string& path) {
  const int reason = errno;
  std::string sentence = "cannot ";
  sentence.append(verb).append(" ").append(path).append(": ").append(std::generic_category().message(reason));
  return sentence;
}

// Why nobody should believe what stands in such a file; nullptr when there is no reason.
const char* distrust(const struct stat& file) {
  if (S_ISLNK(file.st_mode)) return "it is a symbolic link";
  if (!S_ISREG(file.st_mode)) return "it is no regular file";
  if (file.st_uid != geteuid()) return "it belongs to another user";
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others than its owner may write it";
  return nullptr;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool FileDescriptor::close() {
  return ::close(std::exchange(descriptor_, -1)) == 0;
}

void NewFile::fail(const char* verb) {
  if (!fault_) fault_ = system_fault(verb, path_);
}

void NewFile::append(std::string_view bytes) {
  while (!bytes.empty() && !fault_) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      fail("write");
    }
  }
}

std::optional<std::string> NewFile::finish() {
  if (!fault_ && ::fsync(file_.get()) != 0) fail("sync");
  if (!file_.close()) fail("close");
  return std::move(fault_);
}

Result<Directory, std::string> Directory::open(const std::string& path) {
  if (::mkdir(path.c_str(), directory_mode) != 0 && errno != EEXIST) return system_fault("create", path);
  FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return system_fault("open", path);
  struct stat found{};
  if (::fstat(directory.get(), &found) != 0) return system_fault("look at", path);
  // There anybody could put an old state of ours in the place of the new one.
  if ((found.st_mode & S_IWOTH) != 0) {
    return path + " may be written by everybody: name a directory inside of it, which is then created";
  }
  return Directory(std::move(directory), path);
}

std::string Directory::path_of(const std::string& name) const {
  std::string path = path_;
  if (!path.ends_with('/')) path += '/';
  return path += name;
}

std::string Directory::failed(const char* verb, const std::string& name) const {
  return system_fault(verb, path_of(name));
}

Result<Directory::Kind, std::string> Directory::kind_of(const std::string& name) const {
  struct stat found{};
  if (::fstatat(directory_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
    return S_ISREG(found.st_mode) ? Kind::regular : Kind::other;
  }
  if (errno == ENOENT) return Kind::missing;
  return failed("look at", name);
}

Result<FileDescriptor, std::string> Directory::lock(const std::string& name) const {
  // Not blocking: whatever stands there, opening it comes back.
  constexpr int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  FileDescriptor file(::openat(directory_.get(), name.c_str(), flags, file_mode));
  if (!file) return failed("open", name);
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return path_of(name) + " is locked: another broker uses this directory";
    if (errno != EINTR) return failed("lock", name);
  }
  return file;
}

Result<Block, std::string> Directory::read_private(const std::string& name, std::size_t bytes_max) const {
  struct stat found{};
  // Looked at before it is opened, because opening a device may do something.
  if (::fstatat(directory_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) return failed("look at", name);
  if (const char* reason = distrust(found)) return std::string(reason);
  const FileDescriptor file(
      ::openat(directory_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return failed("open", name);
  if (::fstat(file.get(), &found) != 0) return failed("look at", name);
  if (const char* reason = distrust(found)) return std::string(reason);
  CRIER_ASSERT(found.st_size >= 0);
  const auto size = static_cast<std::size_t>(found.st_size);
  if (size > bytes_max) {
    return "it is " + std::to_string(size) + " bytes long, and at most " + std::to_string(bytes_max) + " are taken";
  }
  Block block{std::make_unique_for_overwrite<char[]>(size), 0};
  while (block.size < size) {
    const ssize_t got = ::read(file.get(), block.bytes.get() + block.size, size - block.size);
    if (got == 0) break;  // somebody cut it meanwhile; the codec will say so
    if (got > 0) {
      block.size += static_cast<std::size_t>(got);
    } else if (errno != EINTR) {
      return failed("read", name);
    }
  }
  return block;
}

Result<NewFile, std::string> Directory::create(const std::string& name) const {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  FileDescriptor file(::openat(directory_.get(), name.c_str(), flags, file_mode));
  if (!file) return failed("create", name);
  return NewFile(std::move(file), path_of(name));
}

std::optional<std::string> Directory::move(const std::string& from, const std::string& to) const {
  if (::renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str()) == 0) return std::nullopt;
  return failed("move away", from);
}

Result<bool, std::string> Directory::remove_if_there(const std::string& name) const {
  if (::unlinkat(directory_.get(), name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  return failed("remove", name);
}

std::optional<std::string> Directory::remove(const std::string& name) const {
  auto removed = remove_if_there(name);
  return removed ? std::nullopt : std::optional(std::move(removed.error()));
}

std::optional<std::string> Directory::sync() const {
  if (::fsync(directory_.get()) == 0) return std::nullopt;
  return system_fault("sync", path_);
}

std::vector<std::string> Directory::names_with(std::string_view prefix) const {
  std::vector<std::string> names;
  // A descriptor of its own, because reading moves it.
  const int copy = ::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(copy), ::closedir);
  if (entries == nullptr) {
    ::close(copy);
    return names;
  }
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name.starts_with(prefix)) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace crier::state
