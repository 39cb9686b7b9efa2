// Both ways between a field and its text: a value is read into the field, or the field is spelled as TOML.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/config/setting.hpp"

namespace crier::config {

// What a key is asked to do with its field. Lives for that call.
class Exchange {
 public:
  explicit Exchange(const Setting& setting) : setting_(&setting) {}
  explicit Exchange(std::string& text) : text_(&text) {}

  [[nodiscard]] bool reads() const noexcept { return setting_ != nullptr; }
  [[nodiscard]] const Setting& setting() const noexcept { return *setting_; }
  void spell(std::string text) const { *text_ = std::move(text); }

 private:
  const Setting* setting_ = nullptr;
  std::string* text_ = nullptr;  // stays empty for what is not set
};

// A TOML string, and an array of them, on one line.
[[nodiscard]] std::string toml_text(std::string_view text);
[[nodiscard]] std::string toml_texts(std::span<const std::string> texts);

void exchange_flag(const Exchange& exchange, bool& field);
void exchange_duration(const Exchange& exchange, std::chrono::milliseconds& field, const Range& range);
void exchange_text(const Exchange& exchange, std::string& field, TextRule rule);
void exchange_texts(const Exchange& exchange, std::vector<std::string>& field, TextRule rule,
                    std::size_t items_min = 0);

template <class Integer>
void exchange_integer(const Exchange& exchange, Integer& field, const Range& range) {
  if (!exchange.reads()) return exchange.spell(std::to_string(field));
  read_integer(exchange.setting(), field, range);
}

[[nodiscard]] std::string toml_size(std::int64_t bytes);

template <class Integer>
void exchange_size(const Exchange& exchange, Integer& field, const Range& range) {
  if (!exchange.reads()) return exchange.spell(toml_size(static_cast<std::int64_t>(field)));
  read_size(exchange.setting(), field, range);
}

// The enumerators stand in the order of the words.
template <class Enum>
void exchange_word(const Exchange& exchange, Enum& field, std::span<const Word> words) {
  if (!exchange.reads()) return exchange.spell(toml_text(words[static_cast<std::size_t>(field)].text));
  read_word(exchange.setting(), field, words);
}

}  // namespace crier::config
