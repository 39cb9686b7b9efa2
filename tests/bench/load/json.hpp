// A flat JSON object, printed as one line. Values are our own words and numbers: nothing needs escaping.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/bench/load/text.hpp"

namespace crier::bench {

class JsonObject {
 public:
  JsonObject& text(std::string_view key, std::string_view value) { return raw(key, '"' + std::string(value) + '"'); }
  JsonObject& integer(std::string_view key, std::int64_t value) { return raw(key, std::to_string(value)); }
  JsonObject& count(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }
  JsonObject& number(std::string_view key, double value, int digits) {
    return raw(key, formatted("%.*f", digits, value));
  }
  // `value` is JSON itself.
  JsonObject& raw(std::string_view key, std::string_view value) {
    if (!body_.empty()) body_ += ',';
    body_.append("\"").append(key).append("\":").append(value);
    return *this;
  }
  [[nodiscard]] std::string done() const { return "{" + body_ + "}"; }

 private:
  std::string body_;
};

}  // namespace crier::bench
