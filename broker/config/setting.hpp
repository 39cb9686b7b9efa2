// Reads one value of a setting into its field, or says what is wrong with it: found X, expected Y.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/draft.hpp"

namespace crier::config {

// A value on its way into a field. Lives for the call that reads it. From outside of files it comes as text, whatever
// the field is: integers, flags and lists are then read from that.
struct Setting {
  Draft& draft;
  std::string id;
  Source source;
  const Value& value;

  [[nodiscard]] bool textual() const { return source.at.line == 0 && std::holds_alternative<std::string>(value.data); }

  // "found X, expected `expected`. `consequence`", and marks the setting faulty. X is not shown where it may be secret.
  void refuse(std::string_view expected, std::string_view consequence = {}) const;
  void accept() const { draft.set_from(id, source); }
};

// Inclusive; `below` and `above` say what such a value would do.
struct Range {
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::string_view below;
  std::string_view above;
};
// A word of an enumeration; one that only a later version understands is told apart from a slip.
struct Word {
  std::string_view text;
  bool supported = true;
};
// What is wrong with an item of a list.
struct Objection {
  std::string expected;
  std::string consequence;
};
using TextRule = std::optional<Objection> (*)(std::string_view);

// Each answers the value, or nothing after refusing it.
[[nodiscard]] std::optional<std::int64_t> integer_of(const Setting& setting, const Range& range);
[[nodiscard]] std::optional<std::int64_t> bytes_of(const Setting& setting, const Range& range);
[[nodiscard]] std::optional<std::int64_t> milliseconds_of(const Setting& setting, const Range& range);
[[nodiscard]] std::optional<std::size_t> word_of(const Setting& setting, std::span<const Word> words);
// The indices of a list of words, each at most once.
[[nodiscard]] std::optional<std::vector<std::size_t>> words_of(const Setting& setting, std::span<const Word> words);

void read_flag(const Setting& setting, bool& field);
void read_duration(const Setting& setting, std::chrono::milliseconds& field, const Range& range);
bool read_text(const Setting& setting, std::string& field, TextRule rule);  // was it taken?

// What stands in the place of a secret that is printed. As a value it is refused.
inline constexpr std::string_view mask = "********";
// Keeps the items that are right, so that the rules between settings can judge those too.
void read_texts(const Setting& setting, std::vector<std::string>& field, TextRule rule, std::size_t items_min = 0);

template <class Integer>
void read_integer(const Setting& setting, Integer& field, const Range& range) {
  if (const auto number = integer_of(setting, range)) field = static_cast<Integer>(*number);
}

template <class Integer>
void read_size(const Setting& setting, Integer& field, const Range& range) {
  if (const auto bytes = bytes_of(setting, range)) field = static_cast<Integer>(*bytes);
}

// The enumerators stand in the order of the words.
template <class Enum>
void read_word(const Setting& setting, Enum& field, std::span<const Word> words) {
  if (const auto index = word_of(setting, words)) field = static_cast<Enum>(*index);
}

}  // namespace crier::config
