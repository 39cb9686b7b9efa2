// A strict RFC 8259 scanner: walks a message once, says where each value begins and ends, and why it is no
// JSON where it is none. Copies nothing and takes no memory.
//
// Beyond the RFC's grammar: nesting is limited, \u escapes of surrogates must come in pairs, and a byte
// order mark is refused. Numbers may have any size. Duplicate keys are the caller's business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/command/command.hpp"

namespace crier::command {

enum class JsonKind : std::uint8_t { object, array, string, number, boolean, null };

// "an object", "a string", ...: for errors.
[[nodiscard]] std::string_view describe(JsonKind kind);

// One value, as it stands in the text.
struct JsonValue {
  std::string_view raw;  // from its first to its last byte; strings with their quotes
  JsonKind kind = JsonKind::null;
  bool escaped = false;  // a string that holds a backslash

  // A string's bytes between its quotes; they are its text where nothing is escaped.
  [[nodiscard]] std::string_view inside() const { return raw.substr(1, raw.size() - 2); }
};

// Where and why the text is no JSON.
struct JsonFault {
  std::size_t at = 0;            // the offending byte, counted from 0; the text's size when the text ends too soon
  std::string_view expectation;  // "expected ':' after a key"
  bool name_found = true;        // the sentence goes on with what stands there instead
};

// "byte 17: expected ':' after a key, found '}'"
[[nodiscard]] std::string describe(const JsonFault& fault, std::string_view text);

// The caller drives through the containers it knows and has everything else scanned whole by value():
//   scanner.enter(); while (scanner.next_member(key) == item) scanner.value(v);
// After a fault the scanner is of no more use but for fault(). The text must outlive it and its values.
class JsonScanner {
 public:
  enum class Next : std::uint8_t { item, end, fault };

  explicit JsonScanner(std::string_view text)
      : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

  // The next byte that is no white space, which is skipped; nullopt at the end.
  [[nodiscard]] std::optional<char> peek();
  // Where the scanner stands: after peek(), the offset of the byte it returned.
  [[nodiscard]] std::size_t at() const { return static_cast<std::size_t>(at_ - begin_); }

  // Steps into the object or array whose bracket peek() has just returned.
  [[nodiscard]] bool enter();
  // In an object: the next key, so that value() is what may follow, or its end.
  [[nodiscard]] Next next_member(JsonValue& key);
  // In an array: is there a value next, or its end?
  [[nodiscard]] Next next_element();
  // One value of any kind, whole.
  [[nodiscard]] bool value(JsonValue& out);
  // Nothing but white space may follow.
  [[nodiscard]] bool finish();

  [[nodiscard]] const JsonFault& fault() const { return fault_; }

 private:
  // These take a position and give the one behind what they read, or nullptr after a fault.
  const char* skip_space(const char* p) const;
  const char* string(const char* p, bool& escaped);
  const char* escape(const char* p);
  const char* hex4(const char* p, unsigned& unit);
  const char* number(const char* p);
  const char* digits(const char* p, std::string_view expectation);
  const char* literal(const char* p, std::string_view word, std::string_view expectation);
  const char* key(const char* p, std::string_view expectation, JsonValue& out);
  const char* scalar(const char* p, JsonValue& out);
  const char* container(const char* p);
  const char* container_value(const char* p, bool& opened);
  const char* open(const char* p);
  std::nullptr_t refuse(const char* p, std::string_view expectation, bool name_found = true);

  const char* begin_;
  const char* at_;
  const char* end_;
  std::uint64_t objects_ = 0;  // bit n: the container at depth n + 1 is an object
  std::size_t depth_ = 0;
  bool fresh_ = false;  // no member or element since enter()
  JsonFault fault_;
};
static_assert(nesting_max <= 64, "one bit of objects_ a level");

// Is the text exactly one JSON value (white space around it allowed)? nullopt when it is.
[[nodiscard]] std::optional<JsonFault> check_json(std::string_view text);

}  // namespace crier::command
