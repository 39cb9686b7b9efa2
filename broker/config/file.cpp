#include "broker/config/file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "broker/config/keys.hpp"
#include "broker/config/toml_document.hpp"

namespace crier::config {
namespace {

Problem unreadable(const std::string& path, int reason) {
  return {path, "cannot read it: " + std::generic_category().message(reason) + "."};
}

}  // namespace

Result<std::string, Problem> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return unreadable(path, errno);
  std::string text;
  std::array<char, 16 * 1024> piece{};
  // One byte over the limit is enough for the parser to refuse it; a device may have no end.
  while (text.size() <= document_bytes_max) {
    const std::size_t got = std::fread(piece.data(), 1, piece.size(), file.get());
    text.append(piece.data(), got);
    if (got > 0) continue;
    if (std::ferror(file.get()) != 0) return unreadable(path, errno);
    break;
  }
  return text;
}

bool read_file_text(Draft& draft, std::string_view text, const std::string& file_name) {
  const auto document = parse_document(text);
  if (!document) {
    draft.add_problem(Source{file_name, "", document.error().place}, "not TOML: " + document.error().message + ".");
    return false;
  }
  read_document(draft, file_name, *document);
  return true;
}

}  // namespace crier::config
