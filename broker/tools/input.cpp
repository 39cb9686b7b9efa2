#include "broker/tools/input.hpp"

#include <cerrno>
#include <fstream>
#include <iostream>
#include <system_error>

namespace crier::tools {

namespace {

Result<std::string, auth::FileFault> read_stream(std::istream& stream) {
  std::string text(auth::key_file_bytes_max + 1, '\0');
  errno = 0;
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return auth::FileFault{"cannot be read: " + std::generic_category().message(errno)};
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > auth::key_file_bytes_max) return auth::FileFault{"is too long"};
  return text;
}

}  // namespace

Result<std::string, auth::FileFault> read_input(const std::string& path) {
  if (path == "-") return read_stream(std::cin);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return auth::FileFault{"cannot be read: " + std::generic_category().message(errno)};
  return read_stream(file);
}

std::string without_line_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace crier::tools
