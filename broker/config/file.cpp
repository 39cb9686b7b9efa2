#include "broker/config/file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

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

std::optional<Document> parse_file(Draft& draft, std::string_view text, const std::string& file_name) {
  auto table = parse_document(text);
  if (table) return Document{file_name, std::move(*table)};
  draft.add_problem(Source{file_name, "", table.error().place}, "not TOML: " + table.error().message + ".");
  return std::nullopt;
}

}  // namespace crier::config
