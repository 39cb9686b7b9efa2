#include "broker/config/setting.hpp"

#include <algorithm>
#include <charconv>

#include "broker/config/names.hpp"
#include "broker/config/rules.hpp"
#include "broker/config/units.hpp"

namespace crier::config {
namespace {

// Where a secret may stand, be it by a slip of the table or of the value's kind: such a value is in no message.
bool may_be_secret(std::string_view id, const Value& value) {
  if (id == "auth" || id == "auth.jwt" || id == "auth.jwt.secret") return true;
  const bool of_service = id.starts_with("auth.service_key");
  if (of_service && (id.find('.', id.find('.') + 1) == std::string_view::npos || id.ends_with(".sha256"))) return true;
  const auto* text = std::get_if<std::string>(&value.data);
  return text != nullptr && looks_like_key(*text);
}

std::string found_text(const Setting& setting, std::string_view expected, std::string_view consequence) {
  std::string out = "found ";
  out += may_be_secret(setting.id, setting.value) ? describe_kind(setting.value) : describe(setting.value);
  out += ", expected " + std::string(expected) + ".";
  if (!consequence.empty()) out.append(" ").append(consequence);
  return out;
}

// A setting's text as the kind of value that the field takes; as it was when the text is none.
Value as_integer(const Setting& setting) {
  if (!setting.textual()) return setting.value;
  const std::string& text = std::get<std::string>(setting.value.data);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return setting.value;
  return {setting.value.place, number};
}

Value as_flag(const Setting& setting) {
  if (!setting.textual()) return setting.value;
  const std::string& text = std::get<std::string>(setting.value.data);
  if (text != "true" && text != "false") return setting.value;
  return {setting.value.place, text == "true"};
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
}

// An array in TOML, or items between commas. ("[::1]:8008" begins like an array and is none.)
Value as_list(const Setting& setting) {
  if (!setting.textual()) return setting.value;
  const std::string& text = std::get<std::string>(setting.value.data);
  if (text.starts_with('[')) {
    const auto document = parse_document("list = " + text);
    if (document && document->size() == 1 && std::holds_alternative<Array>(document->front().value.data)) {
      return document->front().value;
    }
  }
  Array items;
  if (trimmed(text).empty()) return {setting.value.place, items};
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    items.push_back({{}, std::string(trimmed(std::string_view(text).substr(begin, end - begin)))});
    begin = end + 1;
  }
  return {setting.value.place, std::move(items)};
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

std::string item_id(std::string_view list, std::size_t index) {
  return concat({list, "[", std::to_string(index), "]"});
}

Source item_source(const Setting& list, std::size_t index, const Value& item) {
  Source source = list.source;
  if (source.at.line == 0) return source;
  source.key += concat({"[", std::to_string(index), "]"});
  source.at = item.place;
  return source;
}

// Judges one item of a list in its own place.
bool take_item(const Setting& list, std::size_t index, const Value& item, TextRule rule,
               std::vector<std::string>& taken) {
  const Setting setting{list.draft, item_id(list.id, taken.size()), item_source(list, index, item), item};
  std::string text;
  if (!read_text(setting, text, rule)) return false;
  taken.push_back(std::move(text));
  return true;
}

// "\"a\", \"b\" or \"c\""
std::string one_of(std::span<const std::string_view> words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 < words.size() ? ", " : " or ";
    out += in_quotes(words[i]);
  }
  return out;
}

}  // namespace

void Setting::refuse(std::string_view expected, std::string_view consequence) const {
  draft.add_problem(source, found_text(*this, expected, consequence));
  draft.mark_faulty(id);
}

std::optional<std::int64_t> integer_of(const Setting& setting, const Range& range) {
  const Value value = as_integer(setting);
  const auto* number = std::get_if<std::int64_t>(&value.data);
  const Setting typed{setting.draft, setting.id, setting.source, value};
  return within(typed, number != nullptr ? std::optional(*number) : std::nullopt, range,
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
  std::string consequence;
  std::vector<std::string_view> supported;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool same = text != nullptr && *text == words[i].text;
    if (same && words[i].supported) {
      setting.accept();
      return i;
    }
    if (same) consequence = "\"" + *text + "\" is not supported by this version.";
    if (words[i].supported) supported.push_back(words[i].text);
  }
  if (text != nullptr && consequence.empty()) {
    const std::string_view near = nearest(*text, supported);
    if (!near.empty()) consequence = concat({"Did you mean \"", near, "\"?"});
  }
  setting.refuse(one_of(supported), consequence);
  return std::nullopt;
}

std::optional<std::vector<std::size_t>> words_of(const Setting& setting, std::span<const Word> words) {
  const Value list = as_list(setting);
  const auto* items = std::get_if<Array>(&list.data);
  std::vector<std::string_view> texts;
  for (const Word& word : words) texts.push_back(word.text);
  if (items == nullptr || items->empty()) {
    setting.refuse("a list of " + one_of(texts));
    return std::nullopt;
  }
  setting.draft.forget(setting.id);
  std::vector<std::size_t> taken;
  bool whole = true;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const Setting item{setting.draft, item_id(setting.id, taken.size()), item_source(setting, i, (*items)[i]),
                       (*items)[i]};
    const auto word = word_of(item, words);
    const bool again = word && std::ranges::count(taken, *word) > 0;
    if (again) item.refuse("each word once");
    if (word && !again) taken.push_back(*word);
    whole = whole && word && !again;
  }
  setting.accept();
  if (!whole) setting.draft.mark_faulty(setting.id);
  return whole ? std::optional(taken) : std::nullopt;
}

void read_flag(const Setting& setting, bool& field) {
  const Value value = as_flag(setting);
  const auto* flag = std::get_if<bool>(&value.data);
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
  const Value list = as_list(setting);
  const auto* items = std::get_if<Array>(&list.data);
  if (items == nullptr) return setting.refuse("a list of strings, as [\"…\", \"…\"]");
  if (items->size() < items_min) {
    setting.draft.add_problem(setting.source, "found an empty list, expected at least one item.");
    return setting.draft.mark_faulty(setting.id);
  }
  setting.draft.forget(setting.id);
  std::vector<std::string> taken;
  bool whole = true;
  for (std::size_t i = 0; i < items->size(); ++i) whole = take_item(setting, i, (*items)[i], rule, taken) && whole;
  if (taken.size() >= items_min) field = std::move(taken);
  setting.accept();
  if (!whole) setting.draft.mark_faulty(setting.id);
}

}  // namespace crier::config
