// The fields of one JSON command: first where they stand, then what they mean.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/command.hpp"
#include "protocol/command/json_scanner.hpp"

namespace crier::command {

// Every field that some op knows.
enum class Field : std::uint8_t {
  op,
  id,
  token,
  channel,
  since,
  last,
  presence,
  channels,
  data,
  key,
  echo,
  exclude,
  conflate,
  ttl,
  encoding,
  limit,
  reverse,
  cursor,
  pattern,
  user,
  session,
};
inline constexpr std::size_t field_count = 21;
[[nodiscard]] constexpr std::string_view to_string(Field field) {
  switch (field) {
    case Field::op: return "op";
    case Field::id: return "id";
    case Field::token: return "token";
    case Field::channel: return "channel";
    case Field::since: return "since";
    case Field::last: return "last";
    case Field::presence: return "presence";
    case Field::channels: return "channels";
    case Field::data: return "data";
    case Field::key: return "key";
    case Field::echo: return "echo";
    case Field::exclude: return "exclude";
    case Field::conflate: return "conflate";
    case Field::ttl: return "ttl";
    case Field::encoding: return "encoding";
    case Field::limit: return "limit";
    case Field::reverse: return "reverse";
    case Field::cursor: return "cursor";
    case Field::pattern: return "pattern";
    case Field::user: return "user";
    case Field::session: return "session";
  }
  __builtin_unreachable();
}
[[nodiscard]] std::optional<Field> field_named(std::string_view name);

// The one of `candidates`, all of the same length as `name`, that is called so. The names are constants
// here, so that no comparison is a call: every key and every op of every message is looked up.
template <auto first, auto... others>
[[nodiscard]] std::optional<decltype(first)> one_of(std::string_view name) {
  constexpr std::string_view text = to_string(first);
  if (std::memcmp(name.data(), text.data(), text.size()) == 0) return first;
  if constexpr (sizeof...(others) > 0) {
    static_assert(((to_string(others).size() == text.size()) && ...));
    return one_of<others...>(name);
  }
  return std::nullopt;
}

// Room for the text of strings that hold escapes. One allocation of the message's size serves them all,
// as decoding never lengthens; so what was handed out never moves. Taken only when an escape is met.
class DecodedText {
 public:
  // Forgets all text; the next message has `bytes` bytes. Gives memory back after an unusually large one.
  void begin(std::size_t bytes);
  [[nodiscard]] std::string_view decode(const JsonValue& string);

 private:
  std::unique_ptr<char[]> room_;
  std::size_t capacity_ = 0;
  std::size_t needed_ = 0;
  std::size_t used_ = 0;
};

[[nodiscard]] constexpr std::uint32_t field_bit(Field field) {
  return std::uint32_t{1} << static_cast<unsigned>(field);
}

// A command object's known fields, where they stand in the message.
struct RawCommand {
  std::string_view message;
  std::size_t at = 0;                         // of its '{'
  std::uint32_t present = 0;                  // bit n: Field n is there
  std::array<JsonValue, field_count> values;  // set where present

  [[nodiscard]] bool has(Field field) const { return (present & field_bit(field)) != 0; }
  [[nodiscard]] const JsonValue& value(Field field) const { return values[static_cast<std::size_t>(field)]; }
  [[nodiscard]] std::size_t offset(const JsonValue& v) const {
    return static_cast<std::size_t>(v.raw.data() - message.data());
  }
};

enum class ChannelForm : std::uint8_t { name, name_or_pattern };

// Reads fields as what an op wants them to be. The first fault stays, and whoever reads looks at failed()
// once at the end: after a fault the values are of no meaning. An absent field is nullopt and no fault;
// JSON's null is a value of the wrong type, not an absent field.
class FieldReader {
 public:
  FieldReader(const RawCommand& raw, DecodedText& decoded) : raw_(raw), decoded_(decoded) {}

  [[nodiscard]] bool has(Field field) const { return raw_.has(field); }
  [[nodiscard]] bool has_any(std::uint32_t field_bits) const { return (raw_.present & field_bits) != 0; }
  [[nodiscard]] std::optional<std::string_view> text(Field field, std::size_t bytes_min, std::size_t bytes_max);
  [[nodiscard]] std::optional<std::uint64_t> integer(Field field, std::uint64_t min, std::uint64_t max);
  [[nodiscard]] std::optional<bool> boolean(Field field);
  [[nodiscard]] std::optional<Position> position(Field field);
  [[nodiscard]] std::optional<std::string_view> channel(Field field, ChannelForm form);
  [[nodiscard]] CommandId id();
  // Any value, byte for byte; only for a field that is there.
  [[nodiscard]] const JsonValue& value(Field field) const { return raw_.value(field); }
  // Appends a broadcast's channels to `names`; `sorted` is scratch.
  void channels(Field field, std::vector<std::string_view>& names, std::vector<std::string_view>& sorted);

  // A fault if the field is not there; `why` completes "data: missing; ".
  bool require(Field field, std::string_view why);
  // Faults: of a value in the message, or of the command as such.
  void fail(Field field, std::string_view sentence, ErrorCode code = ErrorCode::bad_request);
  void fail_at(std::size_t offset, Field field, std::string_view sentence, ErrorCode code = ErrorCode::bad_request);

  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] Error& error() { return *error_; }

 private:
  [[nodiscard]] bool is_kind(Field field, JsonKind kind);
  [[nodiscard]] std::string_view string_text(const JsonValue& value);
  [[nodiscard]] bool one_channel(const JsonValue& element, std::size_t index, std::vector<std::string_view>& names);

  const RawCommand& raw_;
  DecodedText& decoded_;
  std::optional<Error> error_;
};

// "a string", "1.5", ...: a value in an error, short.
[[nodiscard]] std::string describe_value(const JsonValue& value);

// A plain JSON integer within ±(2^53−1): no fraction, no exponent.
[[nodiscard]] std::optional<std::int64_t> safe_integer(std::string_view number);

}  // namespace crier::command
