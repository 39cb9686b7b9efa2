#include "broker/config/exchange.hpp"

#include <array>

#include "broker/config/units.hpp"

namespace crier::config {

std::string toml_text(std::string_view text) {
  constexpr std::array<char, 17> hex{"0123456789ABCDEF"};
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += {hex[byte >> 4U], hex[byte & 15U]};
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_texts(std::span<const std::string> texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    out += toml_text(text);
  }
  return out + "]";
}

std::string toml_size(std::int64_t bytes) {
  return toml_text(size_text(bytes));
}

void exchange_flag(const Exchange& exchange, bool& field) {
  if (!exchange.reads()) return exchange.spell(field ? "true" : "false");
  read_flag(exchange.setting(), field);
}

void exchange_duration(const Exchange& exchange, std::chrono::milliseconds& field, const Range& range) {
  if (!exchange.reads()) return exchange.spell(toml_text(duration_text(field)));
  read_duration(exchange.setting(), field, range);
}

void exchange_text(const Exchange& exchange, std::string& field, TextRule rule) {
  if (!exchange.reads()) return exchange.spell(toml_text(field));
  (void)read_text(exchange.setting(), field, rule);
}

void exchange_texts(const Exchange& exchange, std::vector<std::string>& field, TextRule rule, std::size_t items_min) {
  if (!exchange.reads()) return exchange.spell(toml_texts(field));
  read_texts(exchange.setting(), field, rule, items_min);
}

}  // namespace crier::config
