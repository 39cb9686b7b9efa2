#include "protocol/command/channel_name.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/command/quote.hpp"

namespace crier::command {

namespace {

constexpr bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

constexpr bool is_namespace_character(char c) {
  return is_alphanumeric(c) || c == '_' || c == '-';
}

constexpr bool is_token_character(char c) {
  return c > ' ' && c <= '~' && c != '.' && c != '*' && c != '>' && c != '"' && c != '\\';
}

// Every publish and every subscribe asks, for each character of its channel: a table, not a chain of tests.
constexpr auto token_characters = [] {
  std::array<bool, 256> table{};
  for (std::size_t i = 0; i < 128; ++i) table[i] = is_token_character(static_cast<char>(i));
  return table;
}();

enum class Fault : std::uint8_t {
  none,
  length,
  empty_namespace,
  namespace_character,
  token_character,
  empty_token,
  wildcard_in_name,
  wildcard_in_token,
  no_wildcard,
};

struct Finding {
  Fault fault = Fault::none;
  std::size_t at = 0;
};

// A wildcard is a token of its own, and '>' is the last one.
bool wildcard_is_a_token(std::string_view text, std::size_t token, std::size_t at) {
  if (at != token) return false;
  return at + 1 == text.size() || (text[at] == '*' && text[at + 1] == '.');
}

// The one rule for both: a pattern is a name whose tokens may be wildcards.
Finding inspect(std::string_view text, bool pattern) {
  if (text.empty() || text.size() > channel_name_bytes_max) return {Fault::length, 0};
  std::size_t token = 0;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    if (colon == 0) return {Fault::empty_namespace, 0};
    for (std::size_t i = 0; i < colon; ++i) {
      if (!is_namespace_character(text[i])) return {Fault::namespace_character, i};
    }
    token = colon + 1;
  }
  bool wildcard = false;
  for (std::size_t i = token; i < text.size(); ++i) {
    const char c = text[i];
    if (token_characters[static_cast<unsigned char>(c)]) continue;
    if (c == '.') {
      if (i == token) return {Fault::empty_token, i};
      token = i + 1;
    } else if (c == '*' || c == '>') {
      if (!pattern) return {Fault::wildcard_in_name, i};
      if (!wildcard_is_a_token(text, token, i)) return {Fault::wildcard_in_token, i};
      wildcard = true;
    } else {
      return {Fault::token_character, i};
    }
  }
  if (token == text.size()) return {Fault::empty_token, token};
  if (pattern && !wildcard) return {Fault::no_wildcard, 0};
  return {};
}

std::string explain(std::string_view text, Finding finding) {
  const std::string place = " at character " + std::to_string(finding.at + 1);
  switch (finding.fault) {
    case Fault::none: return {};
    case Fault::length:
      return "must be 1 to " + std::to_string(channel_name_bytes_max) + " bytes long, has " +
             std::to_string(text.size());
    case Fault::empty_namespace: return "has an empty namespace: nothing stands before the ':'";
    case Fault::namespace_character:
      return "has " + describe_byte(text[finding.at]) + place +
             ", in the namespace before the first ':', which holds letters, digits, '_' and '-' only";
    case Fault::token_character:
      return "has " + describe_byte(text[finding.at]) + place +
             ", but holds printable ASCII only, without space, '*', '>', '\"' and '\\'";
    case Fault::empty_token: return "has an empty token" + place + ": each '.' stands between two tokens";
    case Fault::wildcard_in_name:
      return "has the wildcard " + describe_byte(text[finding.at]) + place + ", but must be one channel's name";
    case Fault::wildcard_in_token:
      return "has " + describe_byte(text[finding.at]) + place +
             (text[finding.at] == '*' ? ", but '*' stands for one whole token between dots"
                                      : ", but '>' stands for all further tokens, alone after the last dot");
    case Fault::no_wildcard: return "has no wildcard ('*' or '>'): it is a channel's name and no pattern";
  }
  __builtin_unreachable();
}

std::string check(std::string_view text, bool pattern) {
  const Finding finding = inspect(text, pattern);
  if (finding.fault == Fault::none) return {};
  return explain(text, finding);
}

}  // namespace

std::string check_channel_name(std::string_view text) {
  return check(text, false);
}

std::string check_channel_pattern(std::string_view text) {
  return check(text, true);
}

bool looks_like_pattern(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c == '*' || c == '>'; });
}

std::string_view namespace_of(std::string_view channel) {
  const auto colon = channel.find(':');
  return colon == std::string_view::npos ? std::string_view{} : channel.substr(0, colon);
}

Result<Position> Position::parse(std::string_view text) {
  constexpr std::size_t epoch_bytes_max = 16;
  constexpr std::size_t offset_digits_max = 19;
  const auto refused = [&] {
    return Error{ErrorCode::bad_request, "",
                 "must be a position as the server gave it (epoch:offset, such as 'k3x9:1042'), found " + quote(text)};
  };
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon > epoch_bytes_max) return refused();
  const std::string_view epoch = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (!std::all_of(epoch.begin(), epoch.end(), is_alphanumeric)) return refused();
  if (digits.empty() || digits.size() > offset_digits_max) return refused();
  Position position{std::string(epoch), 0};
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), position.offset);
  if (fault != std::errc{} || end != digits.data() + digits.size()) return refused();
  return position;
}

std::string Position::text() const {
  return epoch + ':' + std::to_string(offset);
}

}  // namespace crier::command
