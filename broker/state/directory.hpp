// Files of one directory, by name: opened, moved and removed relative to the directory's descriptor, never
// through a link, so that what happens to the path above cannot send us elsewhere.
//
// Whatever fails answers a sentence without its full stop that names the path and the system's reason.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/result.hpp"

namespace crier::state {

// Owns one descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] explicit operator bool() const { return descriptor_ >= 0; }
  // Some file systems tell only now that what was written did not arrive. False: errno says why.
  [[nodiscard]] bool close();
  // The caller's from here on.
  [[nodiscard]] int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_ = -1;
};

// Bytes that were read, without being zeroed first.
struct Block {
  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
  [[nodiscard]] std::string_view view() const { return {bytes.get(), size}; }
};

// A file that is being written. After a failure it takes everything and writes nothing.
class NewFile {
 public:
  NewFile(FileDescriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  void append(std::string_view bytes);
  // All of it is on the disk when this answers nullopt.
  [[nodiscard]] std::optional<std::string> finish();

 private:
  void fail(const char* verb);

  FileDescriptor file_;
  std::string path_;
  std::optional<std::string> fault_;
};

class Directory {
 public:
  // Creates it, with mode 0700, when it is missing. The path itself may lead through links: it is the
  // operator's word, and systemd's DynamicUser makes its StateDirectory= one.
  [[nodiscard]] static Result<Directory, std::string> open(const std::string& path);

  // For messages.
  [[nodiscard]] std::string path_of(const std::string& name) const;

  enum class Kind : unsigned char { missing, regular, other };
  [[nodiscard]] Result<Kind, std::string> kind_of(const std::string& name) const;
  // Takes the lock that a file stands for; it is held as long as the descriptor.
  [[nodiscard]] Result<FileDescriptor, std::string> lock(const std::string& name) const;
  // The content of a regular file that belongs to us, that only we can have written, and that is not longer
  // than `bytes_max`.
  [[nodiscard]] Result<Block, std::string> read_private(const std::string& name, std::size_t bytes_max) const;
  // A new file that only we may read; there must be none of that name.
  [[nodiscard]] Result<NewFile, std::string> create(const std::string& name) const;
  // Takes the place of what is at `to`.
  [[nodiscard]] std::optional<std::string> move(const std::string& from, const std::string& to) const;
  // No file of that name: done already.
  [[nodiscard]] std::optional<std::string> remove(const std::string& name) const;
  // Whether there was one: of two processes that remove or move the same file, one alone is told so.
  [[nodiscard]] Result<bool, std::string> remove_if_there(const std::string& name) const;
  // Until then a crash may undo what was moved, created or removed.
  [[nodiscard]] std::optional<std::string> sync() const;
  // The names that begin so, sorted; none when the directory cannot be read.
  [[nodiscard]] std::vector<std::string> names_with(std::string_view prefix) const;

 private:
  Directory(FileDescriptor directory, std::string path) : directory_(std::move(directory)), path_(std::move(path)) {}
  [[nodiscard]] std::string failed(const char* verb, const std::string& name) const;

  FileDescriptor directory_;
  std::string path_;
};

}  // namespace crier::state
