#include "broker/auth/json_object.hpp"

#include <algorithm>

#include "protocol/command/json_string.hpp"
#include "protocol/command/utf8_prefix.hpp"

namespace crier::auth {

using command::JsonKind;
using command::JsonScanner;
using command::JsonValue;

namespace {

std::vector<JsonObject::Member> members_of(JsonScanner& scanner, bool& whole) {
  std::vector<JsonObject::Member> members;
  JsonValue key;
  JsonValue value;
  whole = scanner.enter();
  while (whole) {
    const JsonScanner::Next next = scanner.next_member(key);
    if (next == JsonScanner::Next::end) break;
    whole = next == JsonScanner::Next::item && scanner.value(value);
    if (whole) members.push_back({text_of(key), value});
  }
  return members;
}

bool has_duplicates(const std::vector<JsonObject::Member>& members) {
  std::vector<std::string_view> names;
  names.reserve(members.size());
  for (const auto& member : members) names.push_back(member.name);
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

// What the grammar does not say. Each level is scanned anew, and there are few.
std::optional<std::string_view> judge(const JsonValue& value, std::size_t levels_left) {
  if (value.kind != JsonKind::object && value.kind != JsonKind::array) return std::nullopt;
  if (levels_left == 0) return "is nested too deeply";
  if (value.kind == JsonKind::array) {
    for (const JsonValue& element : elements_of(value)) {
      if (const auto fault = judge(element, levels_left - 1)) return fault;
    }
    return std::nullopt;
  }
  const JsonObject object = JsonObject::inside(value);
  if (has_duplicates(object.members())) return "names a member twice";
  for (const JsonObject::Member& member : object.members()) {
    if (const auto fault = judge(member.value, levels_left - 1)) return fault;
  }
  return std::nullopt;
}

}  // namespace

Result<JsonObject, JsonRefusal> JsonObject::parse(std::string_view text, std::size_t levels_max) {
  if (const std::size_t valid = command::utf8_prefix_bytes(text); valid != text.size()) {
    return JsonRefusal{"is not UTF-8", valid};
  }
  JsonScanner scanner(text);
  JsonValue whole;
  if (!scanner.value(whole) || !scanner.finish()) return JsonRefusal{"is no JSON", scanner.fault().at};
  if (whole.kind != JsonKind::object) return JsonRefusal{"is no JSON object", 0};
  if (const auto fault = judge(whole, levels_max)) return JsonRefusal{*fault, 0};
  return inside(whole);
}

JsonObject JsonObject::inside(const JsonValue& object) {
  CRIER_ASSERT(object.kind == JsonKind::object);
  JsonScanner scanner(object.raw);
  JsonObject result;
  bool whole = scanner.peek() == '{';
  CRIER_ASSERT(whole);
  result.members_ = members_of(scanner, whole);
  CRIER_ASSERT(whole);
  return result;
}

const JsonValue* JsonObject::find(std::string_view name) const {
  const auto found = std::ranges::find(members_, name, &Member::name);
  return found == members_.end() ? nullptr : &found->value;
}

std::vector<JsonValue> elements_of(const JsonValue& array) {
  CRIER_ASSERT(array.kind == JsonKind::array);
  std::vector<JsonValue> elements;
  JsonScanner scanner(array.raw);
  JsonValue value;
  bool whole = scanner.peek() == '[' && scanner.enter();
  while (whole) {
    const JsonScanner::Next next = scanner.next_element();
    if (next == JsonScanner::Next::end) break;
    whole = next == JsonScanner::Next::item && scanner.value(value);
    if (whole) elements.push_back(value);
  }
  CRIER_ASSERT(whole);
  return elements;
}

std::string text_of(const JsonValue& string) {
  CRIER_ASSERT(string.kind == JsonKind::string);
  const std::string_view inside = string.inside();
  if (!string.escaped) return std::string(inside);
  std::string text(inside.size(), '\0');
  text.resize(command::decode_json_string(inside, text.data()));
  return text;
}

std::string compact(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  bool inside_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (!inside_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) continue;
    text += c;
    if (c == '"') inside_string = !inside_string;
    if (inside_string && c == '\\') text += json[++i];
  }
  return text;
}

}  // namespace crier::auth
