#include "broker/auth/file.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace crier::auth {

Result<std::string, FileFault> read_key_file(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error) return FileFault{"cannot be read: " + error.message()};
  // A pipe would have the start-up wait for whoever writes.
  if (!std::filesystem::is_regular_file(status)) return FileFault{"is no ordinary file"};
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return FileFault{"cannot be read: " + std::generic_category().message(errno)};
  std::string text(key_file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return FileFault{"cannot be read"};
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > key_file_bytes_max) {
    return FileFault{"has more than " + std::to_string(key_file_bytes_max) + " bytes, which no file of keys has"};
  }
  return text;
}

}  // namespace crier::auth
