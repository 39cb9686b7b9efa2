// Properties: a text is a name, a pattern or neither, never both; the rule is that of the wire contract,
// spelled out here a second time; a position survives being written and read again.
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/base/check.hpp"
#include "protocol/command/channel_name.hpp"

namespace {

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> tokens;
  for (;;) {
    const auto dot = text.find('.');
    tokens.push_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return tokens;
    text.remove_prefix(dot + 1);
  }
}

bool is_plain_token(std::string_view token) {
  return !token.empty() && std::all_of(token.begin(), token.end(), [](char c) {
    return c > 0x20 && c < 0x7F && std::string_view("*>\"\\").find(c) == std::string_view::npos;
  });
}

enum class Shape { name, pattern, neither };

Shape shape_of(std::string_view text) {
  if (text.empty() || text.size() > 255) return Shape::neither;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    const auto space = text.substr(0, colon);
    const auto allowed = [](char c) { return is_alphanumeric(c) || c == '_' || c == '-'; };
    if (space.empty() || !std::all_of(space.begin(), space.end(), allowed)) return Shape::neither;
    text.remove_prefix(colon + 1);
  }
  const auto tokens = split(text);
  Shape shape = Shape::name;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == "*" || (tokens[i] == ">" && i + 1 == tokens.size())) {
      shape = Shape::pattern;
    } else if (!is_plain_token(tokens[i])) {
      return Shape::neither;
    }
  }
  return shape;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace crier::command;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Shape shape = shape_of(text);
  CRIER_ASSERT(check_channel_name(text).empty() == (shape == Shape::name));
  CRIER_ASSERT(check_channel_pattern(text).empty() == (shape == Shape::pattern));
  if (shape == Shape::pattern) CRIER_ASSERT(looks_like_pattern(text));
  if (shape == Shape::name) CRIER_ASSERT(!looks_like_pattern(text));
  const auto space = namespace_of(text);
  CRIER_ASSERT(text.starts_with(space) && space.find(':') == std::string_view::npos);

  if (const auto position = Position::parse(text)) {
    CRIER_ASSERT(std::all_of(position->epoch.begin(), position->epoch.end(), is_alphanumeric));
    const auto again = Position::parse(position->text());
    CRIER_ASSERT(again && *again == *position);
  }
  return 0;
}
