// How this codec writes a JSON object: in one pass, behind what a string holds.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/command/command.hpp"
#include "protocol/command/json_codec.hpp"

namespace crier::command {

template <class Integer>
void append_json_integer(std::string& out, Integer value) {
  std::array<char, std::numeric_limits<Integer>::digits10 + 2> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

// One object: `op` first, then members as they are called for, closed at the end of its life. Keys are
// ours and need no escapes.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  ObjectWriter(std::string& out, std::string_view op) : ObjectWriter(out) { word("op", op); }
  ~ObjectWriter() { out_ += '}'; }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;

  // The value of `name` is what the caller appends next.
  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }
  // Text that is known to need no escapes.
  void word(std::string_view name, std::string_view text) {
    key(name) += '"';
    out_ += text;
    out_ += '"';
  }
  void text(std::string_view name, std::string_view text) { append_json_string(key(name), text); }
  void text(std::string_view name, const std::optional<std::string>& value) {
    if (value) text(name, std::string_view(*value));
  }
  void text_if_any(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void json(std::string_view name, std::string_view json) { key(name) += json; }
  void boolean(std::string_view name, bool value) { json(name, value ? "true" : "false"); }
  template <class Integer>
  void integer(std::string_view name, Integer value) {
    append_json_integer(key(name), value);
  }
  template <class Integer>
  void integer(std::string_view name, const std::optional<Integer>& value) {
    if (value) integer(name, *value);
  }
  void position(std::string_view name, const std::optional<Position>& position) {
    if (!position) return;
    key(name) += '"';
    out_ += position->epoch;
    out_ += ':';
    append_json_integer(out_, position->offset);
    out_ += '"';
  }
  void id(const CommandId& id) {
    if (const auto* number = std::get_if<std::int64_t>(&id)) integer("id", *number);
    if (const auto* name = std::get_if<std::string>(&id)) text("id", std::string_view(*name));
  }
  template <class List, class Append>
  void array(std::string_view name, const List& list, Append append) {
    key(name) += '[';
    bool first = true;
    for (const auto& item : list) {
      if (!first) out_ += ',';
      first = false;
      append(out_, item);
    }
    out_ += ']';
  }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace crier::command
