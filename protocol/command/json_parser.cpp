#include <algorithm>
#include <vector>

#include "protocol/command/command_fields.hpp"
#include "protocol/command/command_reader.hpp"
#include "protocol/command/json_codec.hpp"
#include "protocol/command/json_scanner.hpp"
#include "protocol/command/json_string.hpp"
#include "protocol/command/quote.hpp"

namespace crier::command {

namespace {

constexpr std::size_t kept_bytes_max = std::size_t{64} * 1024;

// Ready for the next message; a rare large one must not hold its memory for the thread's life.
template <class T>
void recycle(std::vector<T>& list) {
  if (list.capacity() * sizeof(T) > kept_bytes_max) {
    std::vector<T>().swap(list);
  } else {
    list.clear();
  }
}

struct UnknownKey {
  std::string_view name;
  std::size_t at = 0;
};

CommandError refuse_message(ErrorCode code, std::string detail) {
  CommandError refusal;
  refusal.error = Error{code, "", std::move(detail)};
  return refusal;
}

// The text of a field for an error report, from raw JSON; "" where it is too long to be of use.
std::string short_text(const RawCommand& raw, Field field) {
  if (!raw.has(field) || raw.value(field).kind != JsonKind::string) return {};
  const std::string_view inside = raw.value(field).inside();
  constexpr std::size_t escape_growth = 6;  // "\u0041" for one byte
  if (inside.size() > channel_name_bytes_max * escape_growth) return {};
  std::string text(inside.size(), '\0');
  text.resize(decode_json_string(inside, text.data()));
  return text;
}

// What the client needs to find its command again. Only what is valid comes back: no refusal carries
// a peer's arbitrary bytes.
CommandError refuse_command(const RawCommand& raw, Error error, CommandId id) {
  CommandError refusal;
  refusal.error = std::move(error);
  refusal.id = std::move(id);
  if (const auto op = op_named(short_text(raw, Field::op))) refusal.command = to_string(*op);
  std::string channel = short_text(raw, Field::channel);
  if (check_channel_name(channel).empty() || check_channel_pattern(channel).empty()) {
    refusal.channel = std::move(channel);
  }
  return refusal;
}

}  // namespace

// One message's parse: what it has read so far, and why it will be refused. A refusal of a command is kept
// until the rest has been scanned: what is no JSON at all is told as that.
struct JsonCommandParser::Store {
  std::vector<Command> commands;
  ChannelLists lists;
  DecodedText decoded;
  std::vector<UnknownKey> unknown;
  RawCommand raw;
  std::optional<CommandError> refusal;

  void begin(std::string_view message);
  [[nodiscard]] bool read_object(JsonScanner& scanner, std::optional<std::size_t> index);
  [[nodiscard]] bool read_element(JsonScanner& scanner, std::size_t index);
  [[nodiscard]] bool read_array(JsonScanner& scanner);
  [[nodiscard]] bool collect(JsonScanner& scanner, std::optional<UnknownKey>& twice);
  void note_twice_unknown(std::optional<UnknownKey>& twice);
  void interpret(std::optional<std::size_t> index, const std::optional<UnknownKey>& twice);
};

void JsonCommandParser::Store::begin(std::string_view message) {
  recycle(commands);
  recycle(lists.names);
  recycle(lists.ranges);
  recycle(lists.sorted);
  recycle(unknown);
  decoded.begin(message.size());
  raw.message = message;
  refusal.reset();
}

// Notes where the fields stand. False: the text is no JSON.
bool JsonCommandParser::Store::collect(JsonScanner& scanner, std::optional<UnknownKey>& twice) {
  raw.at = scanner.at();
  raw.present = 0;
  unknown.clear();
  std::uint32_t ambiguous = 0;
  if (!scanner.enter()) return false;
  JsonValue key;
  for (;;) {
    const auto next = scanner.next_member(key);
    if (next == JsonScanner::Next::fault) return false;
    if (next == JsonScanner::Next::end) break;
    const std::string_view name = key.escaped ? decoded.decode(key) : key.inside();
    const UnknownKey here{name, raw.offset(key)};
    const auto field = field_named(name);
    if (!field) {
      unknown.push_back(here);
      JsonValue ignored;
      if (!scanner.value(ignored)) return false;
      continue;
    }
    const std::uint32_t bit = field_bit(*field);
    if ((raw.present & bit) != 0) {
      if (!twice) twice = here;
      ambiguous |= bit;
    }
    raw.present |= bit;
    if (!scanner.value(raw.values[static_cast<std::size_t>(*field)])) return false;
  }
  raw.present &= ~ambiguous;  // which of the two was meant?
  return true;
}

// By sorting: a peer may send many thousand keys, too many to compare each with each.
void JsonCommandParser::Store::note_twice_unknown(std::optional<UnknownKey>& twice) {
  if (twice || unknown.size() < 2) return;
  std::sort(unknown.begin(), unknown.end(),
            [](const UnknownKey& a, const UnknownKey& b) { return a.name != b.name ? a.name < b.name : a.at < b.at; });
  const auto same_name = [](const UnknownKey& a, const UnknownKey& b) { return a.name == b.name; };
  const auto first = std::adjacent_find(unknown.begin(), unknown.end(), same_name);
  if (first != unknown.end()) twice = *std::next(first);
}

void JsonCommandParser::Store::interpret(std::optional<std::size_t> index, const std::optional<UnknownKey>& twice) {
  Command& command = commands.emplace_back();
  auto error = read_command(raw, commands.size() - 1, decoded, lists, command);
  if (twice) {
    const auto field = field_named(twice->name);
    error = Error{
        ErrorCode::bad_request, field ? std::string(to_string(*field)) : std::string(),
        "the key " + quote(twice->name) + " stands twice in one command (byte " + std::to_string(twice->at) + ")"};
  }
  if (!error) return;
  refusal = refuse_command(raw, std::move(*error), std::move(command.id));
  refusal->index = index;
}

bool JsonCommandParser::Store::read_object(JsonScanner& scanner, std::optional<std::size_t> index) {
  std::optional<UnknownKey> twice;
  if (!collect(scanner, twice)) return false;
  note_twice_unknown(twice);
  interpret(index, twice);
  return true;
}

bool JsonCommandParser::Store::read_element(JsonScanner& scanner, std::size_t index) {
  if (!refusal && index == commands_per_message_max) {
    refusal = refuse_message(ErrorCode::limit_exceeded,
                             "a message may hold at most " + std::to_string(commands_per_message_max) + " commands");
  }
  const auto next = scanner.peek();
  if (!refusal && next == '{') return read_object(scanner, index);
  const std::size_t at = scanner.at();
  JsonValue value;
  if (!scanner.value(value)) return false;
  if (refusal) return true;
  refusal =
      refuse_message(ErrorCode::bad_request, "a command must be an object, found " + std::string(describe(value.kind)) +
                                                 " (byte " + std::to_string(at) + ")");
  refusal->index = index;
  return true;
}

bool JsonCommandParser::Store::read_array(JsonScanner& scanner) {
  if (!scanner.enter()) return false;
  for (std::size_t index = 0;; ++index) {
    const auto next = scanner.next_element();
    if (next == JsonScanner::Next::fault) return false;
    if (next == JsonScanner::Next::item) {
      if (!read_element(scanner, index)) return false;
      continue;
    }
    if (index == 0) {
      refusal = refuse_message(ErrorCode::bad_request, "an array must hold at least one command, found an empty array");
    }
    return true;
  }
}

JsonCommandParser::JsonCommandParser() : store_(std::make_unique<Store>()) {}

JsonCommandParser::~JsonCommandParser() = default;

Result<CommandBatch, CommandError> JsonCommandParser::parse(std::string_view message) {
  Store& store = *store_;
  store.begin(message);
  JsonScanner scanner(message);
  const auto first = scanner.peek();
  if (first != '{' && first != '[') {
    const JsonFault fault{scanner.at(), "expected a command object, or an array of them"};
    return refuse_message(ErrorCode::bad_request, describe(fault, message));
  }
  const bool array = first == '[';
  const bool read = array ? store.read_array(scanner) : store.read_object(scanner, std::nullopt);
  if (!read || !scanner.finish()) {
    return refuse_message(ErrorCode::bad_request, describe(scanner.fault(), message));
  }
  if (store.refusal) return std::move(*store.refusal);
  for (const auto& range : store.lists.ranges) {
    auto& publish = std::get<Publish>(store.commands[range.command].body);
    publish.channels = std::span(store.lists.names).subspan(range.first, range.count);
  }
  return CommandBatch{store.commands, array};
}

}  // namespace crier::command
