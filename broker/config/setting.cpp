#include "broker/config/setting.hpp"

#include <algorithm>

#include "broker/config/names.hpp"
#include "broker/config/units.hpp"

namespace crier::config {
namespace {

std::string found_text(const Value& value, std::string_view expected, std::string_view consequence) {
  std::string out = "found " + describe(value) + ", expected " + std::string(expected) + ".";
  if (!consequence.empty()) out.append(" ").append(consequence);
  return out;
}

// `number` is nothing when the value has the wrong form.
std::optional<std::int64_t> within(const Setting& setting, std::optional<std::int64_t> number, const Range& range,
                                   std::string_view expected) {
  if (number && *number >= range.min && *number <= range.max) {
    setting.accept();
    return number;
  }
  std::string_view consequence;
  if (number) consequence = *number < range.min ? range.below : range.above;
  setting.refuse(expected, consequence);
  return std::nullopt;
}

// Judges one item of a list in its own place.
bool take_item(const Setting& list, std::size_t index, const Value& item, TextRule rule,
               std::vector<std::string>& taken) {
  Source source = list.source;
  if (source.at.line != 0) {
    source.key += concat({"[", std::to_string(index), "]"});
    source.at = item.place;
  }
  const Setting setting{list.draft, concat({list.id, "[", std::to_string(taken.size()), "]"}), std::move(source), item};
  std::string text;
  if (!read_text(setting, text, rule)) return false;
  taken.push_back(std::move(text));
  return true;
}

}  // namespace

void Setting::refuse(std::string_view expected, std::string_view consequence) const {
  draft.add_problem(source, found_text(value, expected, consequence));
  draft.mark_faulty(id);
}

std::optional<std::int64_t> integer_of(const Setting& setting, const Range& range) {
  const auto* number = std::get_if<std::int64_t>(&setting.value.data);
  return within(setting, number != nullptr ? std::optional(*number) : std::nullopt, range,
                "an integer from " + std::to_string(range.min) + " to " + std::to_string(range.max));
}

std::optional<std::int64_t> bytes_of(const Setting& setting, const Range& range) {
  std::optional<std::int64_t> bytes;
  if (const auto* number = std::get_if<std::int64_t>(&setting.value.data)) bytes = *number;
  if (const auto* text = std::get_if<std::string>(&setting.value.data)) bytes = parse_size(*text);
  return within(setting, bytes, range,
                "a size from " + size_text(range.min) + " to " + size_text(range.max) +
                    ", as \"16KiB\", \"1MiB\", \"1GiB\" or a number of bytes");
}

std::optional<std::int64_t> milliseconds_of(const Setting& setting, const Range& range) {
  std::optional<std::int64_t> duration;
  if (const auto* text = std::get_if<std::string>(&setting.value.data)) {
    if (const auto parsed = parse_duration(*text)) duration = parsed->count();
  }
  const auto spelled = [](std::int64_t count) { return duration_text(std::chrono::milliseconds(count)); };
  return within(setting, duration, range,
                "a duration from " + spelled(range.min) + " to " + spelled(range.max) +
                    " with its unit, as \"500ms\", \"10s\", \"5m\" or \"1h\"");
}

std::optional<std::size_t> word_of(const Setting& setting, std::span<const Word> words) {
  const auto* text = std::get_if<std::string>(&setting.value.data);
  std::string expected;
  std::string consequence;
  std::vector<std::string_view> supported;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool same = text != nullptr && *text == words[i].text;
    if (same && words[i].supported) {
      setting.accept();
      return i;
    }
    if (same) consequence = "\"" + *text + "\" is not supported by this version.";
    if (!words[i].supported) continue;
    supported.push_back(words[i].text);
  }
  for (std::size_t i = 0; i < supported.size(); ++i) {
    if (i > 0) expected += i + 1 < supported.size() ? ", " : " or ";
    expected += in_quotes(supported[i]);
  }
  if (text != nullptr && consequence.empty()) {
    const std::string_view near = nearest(*text, supported);
    if (!near.empty()) consequence = concat({"Did you mean \"", near, "\"?"});
  }
  setting.refuse(expected, consequence);
  return std::nullopt;
}

void read_flag(const Setting& setting, bool& field) {
  const auto* flag = std::get_if<bool>(&setting.value.data);
  if (flag == nullptr) return setting.refuse("true or false");
  field = *flag;
  setting.accept();
}

void read_duration(const Setting& setting, std::chrono::milliseconds& field, const Range& range) {
  if (const auto count = milliseconds_of(setting, range)) field = std::chrono::milliseconds(*count);
}

bool read_text(const Setting& setting, std::string& field, TextRule rule) {
  const auto* text = std::get_if<std::string>(&setting.value.data);
  // What is no string is judged as the empty one, for the rule's words.
  const auto objection = rule(text != nullptr ? std::string_view(*text) : std::string_view());
  if (text == nullptr || objection) {
    setting.refuse(objection ? objection->expected : "a string", text != nullptr ? objection->consequence : "");
    return false;
  }
  field = *text;
  setting.accept();
  return true;
}

void read_texts(const Setting& setting, std::vector<std::string>& field, TextRule rule, std::size_t items_min) {
  const auto* items = std::get_if<Array>(&setting.value.data);
  if (items == nullptr) return setting.refuse("a list of strings, as [\"…\", \"…\"]");
  if (items->size() < items_min) {
    setting.draft.add_problem(setting.source, "found an empty list, expected at least one item.");
    return setting.draft.mark_faulty(setting.id);
  }
  std::vector<std::string> taken;
  bool whole = true;
  for (std::size_t i = 0; i < items->size(); ++i) whole = take_item(setting, i, (*items)[i], rule, taken) && whole;
  if (taken.size() >= items_min) field = std::move(taken);
  setting.accept();
  if (!whole) setting.draft.mark_faulty(setting.id);
}

}  // namespace crier::config
