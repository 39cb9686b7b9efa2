// A TOML text as plain values with their places: what the rest of the loader reads. The parser behind it is
// heavy to compile and stays in toml_document.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/result.hpp"

namespace crier::config {

struct Place {
  std::uint32_t line = 0;    // from 1
  std::uint32_t column = 0;  // from 1, in code points
};

struct Value;
struct Member;
using Array = std::vector<Value>;
using Table = std::vector<Member>;  // in no particular order
// Valid TOML that no setting takes: a date, a time.
struct Other {
  std::string_view kind;  // "a date"
};

struct Value {
  Place place;
  std::variant<bool, std::int64_t, double, std::string, Array, Table, Other> data;
};
struct Member {
  std::string key;
  Place place;  // of the key; the value has its own
  Value value;
};

// The value for a message: "\"many\"", "300", "a table".
[[nodiscard]] std::string describe(const Value& value);
// Without what it says: "a string of 12 bytes, not shown".
[[nodiscard]] std::string describe_kind(const Value& value);

struct SyntaxError {
  Place place;
  std::string message;
};
// Never throws. Keys are unique within a table; what is nested deeper than any setting comes back empty.
[[nodiscard]] Result<Table, SyntaxError> parse_document(std::string_view text);

inline constexpr std::size_t document_bytes_max = 1024 * 1024;

}  // namespace crier::config
