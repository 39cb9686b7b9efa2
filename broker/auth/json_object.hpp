// A JSON object that nobody can read in two ways: headers and claims of tokens, sets of keys.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.hpp"
#include "protocol/command/json_scanner.hpp"

namespace crier::auth {

// Why a text is none, as the rest of a sentence; it quotes nothing. `at`: the byte, counted from 0.
struct JsonRefusal {
  std::string_view what;
  std::size_t at = 0;
};

// Its members as they stand in the text, which must outlive them.
class JsonObject {
 public:
  struct Member {
    std::string name;  // without escapes
    command::JsonValue value;
  };

  // The text is UTF-8 and one object, no object in it names a member twice (RFC 7515 section 4, RFC 7519 section 4),
  // and it has at most `levels_max` levels of nesting, its own included.
  [[nodiscard]] static Result<JsonObject, JsonRefusal> parse(std::string_view text, std::size_t levels_max);
  // An object inside one that was parsed.
  [[nodiscard]] static JsonObject inside(const command::JsonValue& object);

  [[nodiscard]] const command::JsonValue* find(std::string_view name) const;
  [[nodiscard]] const std::vector<Member>& members() const { return members_; }

 private:
  std::vector<Member> members_;
};

// Of a value inside an object that was parsed: the elements of an array, the text of a string.
[[nodiscard]] std::vector<command::JsonValue> elements_of(const command::JsonValue& array);
[[nodiscard]] std::string text_of(const command::JsonValue& string);
// The same text without the white space between its tokens; numbers stay as they were written.
[[nodiscard]] std::string compact(std::string_view json);

}  // namespace crier::auth
