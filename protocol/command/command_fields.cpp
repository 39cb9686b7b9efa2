#include "protocol/command/command_fields.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/command/json_string.hpp"
#include "protocol/command/quote.hpp"

namespace crier::command {

namespace {

// What a JavaScript number holds exactly.
constexpr std::int64_t safe_integer_max = (std::int64_t{1} << 53) - 1;

constexpr std::size_t decoded_bytes_kept_max = std::size_t{64} * 1024;

std::string span_text(std::uint64_t min, std::uint64_t max) {
  return std::to_string(min) + " to " + std::to_string(max);
}

}  // namespace

// By length first, then by names known at compile time: at most five comparisons of a register or two.
std::optional<Field> field_named(std::string_view name) {
  switch (name.size()) {
    case 2: return one_of<Field::op, Field::id>(name);
    case 3: return one_of<Field::key, Field::ttl>(name);
    case 4: return one_of<Field::data, Field::echo, Field::last, Field::user>(name);
    case 5: return one_of<Field::token, Field::since, Field::limit>(name);
    case 6: return one_of<Field::cursor>(name);
    case 7: return one_of<Field::channel, Field::exclude, Field::reverse, Field::pattern, Field::session>(name);
    case 8: return one_of<Field::channels, Field::presence, Field::conflate, Field::encoding>(name);
    default: return std::nullopt;
  }
}

void DecodedText::begin(std::size_t bytes) {
  needed_ = bytes;
  used_ = 0;
  if (capacity_ <= decoded_bytes_kept_max) return;
  room_.reset();
  capacity_ = 0;
}

std::string_view DecodedText::decode(const JsonValue& string) {
  const std::string_view inside = string.inside();
  if (used_ == 0 && capacity_ < needed_) {
    room_ = std::make_unique_for_overwrite<char[]>(needed_);
    capacity_ = needed_;
  }
  CRIER_ASSERT(inside.size() <= capacity_ - used_);
  char* const start = room_.get() + used_;
  const std::size_t bytes = decode_json_string(inside, start);
  used_ += bytes;
  return {start, bytes};
}

std::string describe_value(const JsonValue& value) {
  if (value.kind == JsonKind::boolean) return std::string(value.raw);
  if (value.kind == JsonKind::number && value.raw.size() <= quote_bytes_max) return std::string(value.raw);
  return std::string(describe(value.kind));
}

std::optional<std::int64_t> safe_integer(std::string_view number) {
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (fault != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  if (value < -safe_integer_max || value > safe_integer_max) return std::nullopt;
  return value;
}

void FieldReader::fail_at(std::size_t offset, Field field, std::string_view sentence, ErrorCode code) {
  if (failed()) return;
  std::string detail(to_string(field));
  detail += sentence.starts_with('[') ? "" : ": ";
  detail += sentence;
  detail += " (byte " + std::to_string(offset) + ")";
  error_ = Error{code, std::string(to_string(field)), std::move(detail)};
}

void FieldReader::fail(Field field, std::string_view sentence, ErrorCode code) {
  fail_at(raw_.has(field) ? raw_.offset(raw_.value(field)) : raw_.at, field, sentence, code);
}

bool FieldReader::require(Field field, std::string_view why) {
  if (raw_.has(field)) return true;
  fail(field, "missing; " + std::string(why));
  return false;
}

bool FieldReader::is_kind(Field field, JsonKind kind) {
  const JsonValue& value = raw_.value(field);
  if (value.kind == kind) return true;
  fail(field, "must be " + std::string(describe(kind)) + ", found " + std::string(describe(value.kind)));
  return false;
}

std::string_view FieldReader::string_text(const JsonValue& value) {
  return value.escaped ? decoded_.decode(value) : value.inside();
}

std::optional<std::string_view> FieldReader::text(Field field, std::size_t bytes_min, std::size_t bytes_max) {
  if (!raw_.has(field) || !is_kind(field, JsonKind::string)) return std::nullopt;
  const std::string_view text = string_text(raw_.value(field));
  if (text.size() >= bytes_min && text.size() <= bytes_max) return text;
  fail(field, "must be " + span_text(bytes_min, bytes_max) + " bytes long, found " + std::to_string(text.size()));
  return std::nullopt;
}

std::optional<std::uint64_t> FieldReader::integer(Field field, std::uint64_t min, std::uint64_t max) {
  if (!raw_.has(field)) return std::nullopt;
  const JsonValue& value = raw_.value(field);
  if (value.kind == JsonKind::number) {
    const auto number = safe_integer(value.raw);
    if (number && *number >= 0 && static_cast<std::uint64_t>(*number) >= min &&
        static_cast<std::uint64_t>(*number) <= max) {
      return static_cast<std::uint64_t>(*number);
    }
  }
  fail(field, "must be an integer from " + span_text(min, max) + ", found " + describe_value(value));
  return std::nullopt;
}

std::optional<bool> FieldReader::boolean(Field field) {
  if (!raw_.has(field)) return std::nullopt;
  const JsonValue& value = raw_.value(field);
  if (value.kind == JsonKind::boolean) return value.raw == "true";
  fail(field, "must be true or false, found " + describe_value(value));
  return std::nullopt;
}

std::optional<Position> FieldReader::position(Field field) {
  if (!raw_.has(field) || !is_kind(field, JsonKind::string)) return std::nullopt;
  Result<Position> position = Position::parse(string_text(raw_.value(field)));
  if (position) return std::move(*position);
  fail(field, position.error().detail);
  return std::nullopt;
}

std::optional<std::string_view> FieldReader::channel(Field field, ChannelForm form) {
  if (!raw_.has(field) || !is_kind(field, JsonKind::string)) return std::nullopt;
  const std::string_view text = string_text(raw_.value(field));
  const bool pattern = form == ChannelForm::name_or_pattern && looks_like_pattern(text);
  const std::string problem = pattern ? check_channel_pattern(text) : check_channel_name(text);
  if (problem.empty()) return text;
  fail(field, quote(text) + ' ' + problem);
  return std::nullopt;
}

CommandId FieldReader::id() {
  if (!raw_.has(Field::id)) return {};
  const JsonValue& value = raw_.value(Field::id);
  if (value.kind == JsonKind::number) {
    if (const auto number = safe_integer(value.raw)) return *number;
    fail(Field::id,
         "must be an integer from -9007199254740991 to 9007199254740991, without fraction and exponent, found " +
             describe_value(value));
    return {};
  }
  if (value.kind == JsonKind::string) {
    const auto text = this->text(Field::id, 0, id_bytes_max);
    return text ? CommandId(std::string(*text)) : CommandId();
  }
  fail(Field::id, "must be an integer or a string, found " + describe_value(value));
  return {};
}

// False ends the reading of the list.
bool FieldReader::one_channel(const JsonValue& element, std::size_t index, std::vector<std::string_view>& names) {
  const std::string place = std::string("[") + std::to_string(index) + "]: ";
  if (element.kind != JsonKind::string) {
    fail_at(raw_.offset(element), Field::channels,
            place + "must be a string, found " + std::string(describe(element.kind)));
    return false;
  }
  const std::string_view name = string_text(element);
  const std::string problem = check_channel_name(name);
  if (!problem.empty()) {
    fail_at(raw_.offset(element), Field::channels, place + quote(name) + ' ' + problem);
    return false;
  }
  names.push_back(name);
  return true;
}

void FieldReader::channels(Field field, std::vector<std::string_view>& names, std::vector<std::string_view>& sorted) {
  if (!is_kind(field, JsonKind::array)) return;
  const std::size_t first = names.size();
  JsonScanner scanner(raw_.value(field).raw);  // scanned before, so that nothing below meets a fault
  JsonValue element;
  CRIER_ASSERT(scanner.enter());
  while (scanner.next_element() == JsonScanner::Next::item) {
    if (names.size() - first == channels_per_publish_max) {
      fail(field, "must name at most " + std::to_string(channels_per_publish_max) + " channels, found more",
           ErrorCode::limit_exceeded);
      return;
    }
    CRIER_ASSERT(scanner.value(element));
    if (!one_channel(element, names.size() - first, names)) return;
  }
  if (names.size() == first) {
    fail(field, "must name at least one channel, found an empty array");
    return;
  }
  sorted.assign(names.begin() + static_cast<std::ptrdiff_t>(first), names.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end());
  if (twin != sorted.end()) fail(field, "must name each channel once, found " + quote(*twin) + " twice");
}

}  // namespace crier::command
