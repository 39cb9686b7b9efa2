#include "protocol/command/server_message.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "protocol/command/base64.hpp"
#include "protocol/command/json_scanner.hpp"
#include "protocol/command/quote.hpp"

namespace crier::command {

namespace {

// Every member that some reply or push has, at any depth; those of `message` first, as most are of that kind.
enum class Key : std::uint8_t {
  op,
  channel,
  data,
  position,
  time,
  pattern,
  encoding,
  id,
  session,
  user,
  info,
  code,
  message,
  command,
  retry_after,
  recovered,
  replayed,
  members,
  member,
  count,
  more,
  cursor,
  results,
  messages,
  channels,
  subscribers,
  version,
  heartbeat,
  expires_in,
  limits,
  lost,
  conflated,
  reason,
  reconnect_in,
};
constexpr std::array<std::string_view, 34> key_names = {
    "op",          "channel",   "data",     "position",  "time",        "pattern",     "encoding",
    "id",          "session",   "user",     "info",      "code",        "message",     "command",
    "retry_after", "recovered", "replayed", "members",   "member",      "count",       "more",
    "cursor",      "results",   "messages", "channels",  "subscribers", "version",     "heartbeat",
    "expires_in",  "limits",    "lost",     "conflated", "reason",      "reconnect_in"};
static_assert(static_cast<std::size_t>(Key::reconnect_in) + 1 == key_names.size());
static_assert(key_names.size() <= 64, "one bit of Object::present a key");

std::string_view name_of(Key key) {
  return key_names[static_cast<std::size_t>(key)];
}

std::optional<ErrorCode> error_code_named(std::string_view name) {
  for (std::size_t i = 0; i < error_code_count; ++i) {
    if (to_string(static_cast<ErrorCode>(i)) == name) return static_cast<ErrorCode>(i);
  }
  return std::nullopt;
}

// One object's known members, as they stand in the text, and what they mean. The first fault stays, and whoever
// reads looks at it once at the end: after a fault the values are of no meaning.
class Object {
 public:
  Object(DecodedText& decoded, std::optional<std::string>& fault) : decoded_(decoded), fault_(fault) {}

  // The scanner stands at the object's bracket. False: the text is no JSON.
  [[nodiscard]] bool collect(JsonScanner& scanner);
  // `raw` is an object that was scanned before.
  void collect(const JsonValue& raw);

  [[nodiscard]] bool has(Key key) const { return (present_ >> static_cast<unsigned>(key) & 1) != 0; }
  [[nodiscard]] const JsonValue& value(Key key) const { return values_[static_cast<std::size_t>(key)]; }

  // "" where it is absent.
  [[nodiscard]] std::string_view text(Key key);
  [[nodiscard]] std::string_view needed_text(Key key);
  [[nodiscard]] std::optional<std::string> optional_text(Key key);
  [[nodiscard]] std::optional<std::int64_t> integer(Key key);
  [[nodiscard]] std::optional<std::uint64_t> count(Key key);
  [[nodiscard]] std::optional<bool> boolean(Key key);
  [[nodiscard]] std::optional<Position> position(Key key);
  [[nodiscard]] CommandId id();
  // JSON, or base64 as `encoding` says; `data` must be there.
  [[nodiscard]] Encoding data(std::string_view& data_json);
  // Reads each object of an array by `read(Object&)`; the array must be there.
  template <class Read>
  void each(Key key, Read read);

  void fail(Key key, std::string_view sentence);

 private:
  DecodedText& decoded_;
  std::optional<std::string>& fault_;
  std::uint64_t present_ = 0;
  std::array<JsonValue, key_names.size()> values_;
  std::array<std::string_view, key_names.size()> texts_;  // of escaped strings, once they were asked for
};

void Object::fail(Key key, std::string_view sentence) {
  if (!fault_) fault_ = std::string(name_of(key)) + ": " + std::string(sentence);
}

bool Object::collect(JsonScanner& scanner) {
  if (!scanner.enter()) return false;
  JsonValue name;
  JsonValue ignored;
  for (;;) {
    const auto next = scanner.next_member(name);
    if (next == JsonScanner::Next::fault) return false;
    if (next == JsonScanner::Next::end) return true;
    const std::string_view text = name.escaped ? decoded_.decode(name) : name.inside();
    const auto* const found = std::find(key_names.begin(), key_names.end(), text);
    if (found == key_names.end()) {
      if (!scanner.value(ignored)) return false;
      continue;
    }
    const auto index = static_cast<std::size_t>(found - key_names.begin());
    const Key key{static_cast<std::uint8_t>(index)};
    if (has(key)) fail(key, "stands twice");
    present_ |= std::uint64_t{1} << index;
    if (!scanner.value(values_[index])) return false;
  }
}

void Object::collect(const JsonValue& raw) {
  JsonScanner scanner(raw.raw);
  static_cast<void>(scanner.peek());
  CRIER_ASSERT(collect(scanner));
}

std::string_view Object::text(Key key) {
  if (!has(key)) return {};
  const JsonValue& string = value(key);
  if (string.kind != JsonKind::string) {
    fail(key, "must be a string");
    return {};
  }
  if (!string.escaped) return string.inside();
  // Once only: DecodedText has room for the whole message, not for a part of it twice.
  std::string_view& decoded = texts_[static_cast<std::size_t>(key)];
  if (decoded.data() == nullptr) decoded = decoded_.decode(string);
  return decoded;
}

std::string_view Object::needed_text(Key key) {
  if (!has(key)) fail(key, "missing");
  return text(key);
}

std::optional<std::string> Object::optional_text(Key key) {
  if (!has(key)) return std::nullopt;
  return std::string(text(key));
}

std::optional<std::int64_t> Object::integer(Key key) {
  if (!has(key)) return std::nullopt;
  const auto number = value(key).kind == JsonKind::number ? safe_integer(value(key).raw) : std::nullopt;
  if (!number) fail(key, "must be an integer within 2^53");
  return number;
}

std::optional<std::uint64_t> Object::count(Key key) {
  const auto number = integer(key);
  if (!number) return std::nullopt;
  if (*number < 0) fail(key, "must not be negative");
  return static_cast<std::uint64_t>(*number);
}

std::optional<bool> Object::boolean(Key key) {
  if (!has(key)) return std::nullopt;
  if (value(key).kind != JsonKind::boolean) fail(key, "must be true or false");
  return value(key).raw == "true";
}

std::optional<Position> Object::position(Key key) {
  if (!has(key)) return std::nullopt;
  auto position = Position::parse(text(key));
  if (position) return std::move(*position);
  fail(key, position.error().detail);
  return std::nullopt;
}

CommandId Object::id() {
  if (!has(Key::id)) return {};
  if (value(Key::id).kind == JsonKind::string) return std::string(text(Key::id));
  if (const auto number = integer(Key::id)) return *number;
  return {};
}

Encoding Object::data(std::string_view& data_json) {
  if (!has(Key::data)) {
    fail(Key::data, "missing");
    return Encoding::json;
  }
  const JsonValue& data = value(Key::data);
  data_json = data.raw;
  if (!has(Key::encoding)) return Encoding::json;
  if (text(Key::encoding) != "base64") fail(Key::encoding, "must be base64");
  if (data.kind != JsonKind::string || !is_base64(data.inside())) fail(Key::data, "must be a string of base64");
  return Encoding::base64;
}

template <class Read>
void Object::each(Key key, Read read) {
  if (!has(key)) return fail(key, "missing");
  if (value(key).kind != JsonKind::array) return fail(key, "must be an array");
  JsonScanner scanner(value(key).raw);
  static_cast<void>(scanner.peek());
  CRIER_ASSERT(scanner.enter());
  while (scanner.next_element() == JsonScanner::Next::item) {
    JsonValue element;
    CRIER_ASSERT(scanner.value(element));
    if (element.kind != JsonKind::object) return fail(key, "must hold objects");
    Object object(decoded_, fault_);
    object.collect(element);
    read(object);
    if (fault_) return;
  }
}

// ---- What the objects mean ----

Member read_member(Object& object) {
  Member member;
  member.session = object.needed_text(Key::session);
  member.user = object.optional_text(Key::user);
  if (object.has(Key::info)) member.info_json = std::string(object.value(Key::info).raw);
  return member;
}

std::vector<Member> read_members(Object& object) {
  std::vector<Member> members;
  object.each(Key::members, [&](Object& member) { members.push_back(read_member(member)); });
  return members;
}

std::optional<std::vector<Member>> read_optional_members(Object& object) {
  if (!object.has(Key::members)) return std::nullopt;
  return read_members(object);
}

ServerMessage read_message(Object& object) {
  ReceivedMessage message;
  message.channel = object.needed_text(Key::channel);
  message.pattern = object.text(Key::pattern);
  message.encoding = object.data(message.data_json);
  message.position = object.text(Key::position);
  message.time_ms = object.integer(Key::time).value_or(0);
  return message;
}

Reply read_subscribed(Object& object) {
  Subscribed reply;
  reply.id = object.id();
  reply.channel = object.needed_text(Key::channel);
  reply.position = object.position(Key::position);
  reply.recovered = object.boolean(Key::recovered);
  reply.replayed = object.count(Key::replayed);
  reply.members = read_optional_members(object);
  reply.more = object.boolean(Key::more).value_or(false);
  reply.cursor = object.text(Key::cursor);
  return reply;
}

// The answer to `unsubscribe`, or the end of a subscription by the broker, which has a code.
ServerMessage read_unsubscribed(Object& object) {
  std::string channel(object.needed_text(Key::channel));
  if (!object.has(Key::code)) return Reply(Unsubscribed{object.id(), std::move(channel)});
  return Push(
      UnsubscribedPush{std::move(channel), std::string(object.text(Key::code)), std::string(object.text(Key::reason))});
}

Error read_error_code(Object& object) {
  return {error_code_named(object.needed_text(Key::code)).value_or(ErrorCode::internal), "",
          std::string(object.text(Key::message))};
}

PublishResult read_result(Object& object) {
  PublishResult result;
  result.channel = object.needed_text(Key::channel);
  result.position = object.position(Key::position);
  if (object.has(Key::code)) result.error = read_error_code(object);
  return result;
}

Reply read_published(Object& object) {
  if (!object.has(Key::results)) {
    return Published{object.id(), std::string(object.needed_text(Key::channel)), object.position(Key::position)};
  }
  BroadcastPublished reply;
  reply.id = object.id();
  object.each(Key::results, [&](Object& result) { reply.results.push_back(read_result(result)); });
  return reply;
}

StoredMessage read_stored(Object& object) {
  StoredMessage message;
  message.channel = object.text(Key::channel);
  message.encoding = object.data(message.data_json);
  message.position = object.position(Key::position);
  message.time_ms = object.integer(Key::time).value_or(0);
  return message;
}

Reply read_history(Object& object) {
  HistoryReply reply;
  reply.id = object.id();
  reply.channel = object.needed_text(Key::channel);
  reply.position = object.position(Key::position);
  reply.more = object.boolean(Key::more).value_or(false);
  reply.cursor = object.text(Key::cursor);
  object.each(Key::messages, [&](Object& stored) { reply.messages.push_back(read_stored(stored)); });
  return reply;
}

// The answer to `presence` has `more`; what is pushed has it only where the list was cut, and has no id. Every
// command of a client of ours has one.
ServerMessage read_presence(Object& object) {
  std::string channel(object.needed_text(Key::channel));
  const std::uint64_t count = object.count(Key::count).value_or(0);
  const bool more = object.boolean(Key::more).value_or(false);
  std::string cursor(object.text(Key::cursor));
  if (object.has(Key::id)) {
    return Reply(PresenceReply{object.id(), std::move(channel), read_members(object), count, more, std::move(cursor)});
  }
  return Push(PresencePush{std::move(channel), read_optional_members(object), count, more, std::move(cursor)});
}

Reply read_channels(Object& object) {
  ChannelsReply reply;
  reply.id = object.id();
  object.each(Key::channels, [&](Object& entry) {
    reply.channels.push_back({std::string(entry.needed_text(Key::channel)), entry.count(Key::subscribers).value_or(0)});
  });
  reply.more = object.boolean(Key::more).value_or(false);
  reply.cursor = object.text(Key::cursor);
  return reply;
}

Reply read_error(Object& object) {
  ErrorReply reply;
  reply.id = object.id();
  reply.command = object.text(Key::command);
  reply.channel = object.text(Key::channel);
  reply.error = read_error_code(object);
  reply.retry_after_s = object.integer(Key::retry_after);
  return reply;
}

Reply read_authenticated(Object& object) {
  return Authenticated{object.id(), object.optional_text(Key::user), object.integer(Key::expires_in)};
}

// Limits that are no counts are a later broker's.
void read_limits(Object& object, Welcome& welcome) {
  if (!object.has(Key::limits) || object.value(Key::limits).kind != JsonKind::object) return;
  JsonScanner scanner(object.value(Key::limits).raw);
  static_cast<void>(scanner.peek());
  CRIER_ASSERT(scanner.enter());
  JsonValue name;
  JsonValue value;
  while (scanner.next_member(name) == JsonScanner::Next::item) {
    CRIER_ASSERT(scanner.value(value));
    const auto number = value.kind == JsonKind::number ? safe_integer(value.raw) : std::nullopt;
    if (!name.escaped && number && *number >= 0) {
      welcome.limits.push_back({name.inside(), static_cast<std::uint64_t>(*number)});
    }
  }
}

Push read_welcome(Object& object) {
  Welcome welcome;
  welcome.session = object.needed_text(Key::session);
  welcome.version = object.text(Key::version);
  welcome.heartbeat_s = object.integer(Key::heartbeat).value_or(welcome.heartbeat_s);
  welcome.user = object.optional_text(Key::user);
  welcome.expires_in_s = object.integer(Key::expires_in);
  read_limits(object, welcome);
  return welcome;
}

template <class Change>
Push read_membership(Object& object, DecodedText& decoded, std::optional<std::string>& fault) {
  Change change;
  change.channel = object.needed_text(Key::channel);
  if (!object.has(Key::member) || object.value(Key::member).kind != JsonKind::object) {
    object.fail(Key::member, "must be an object");
    return change;
  }
  Object member(decoded, fault);
  member.collect(object.value(Key::member));
  change.member = read_member(member);
  return change;
}

Push read_gap(Object& object) {
  Gap gap;
  gap.channel = object.needed_text(Key::channel);
  gap.lost = object.count(Key::lost);
  gap.conflated = object.boolean(Key::conflated).value_or(false);
  gap.position = object.position(Key::position);
  return gap;
}

ServerMessage read_op(std::string_view op, Object& object, DecodedText& decoded, std::optional<std::string>& fault) {
  if (op == "message") return read_message(object);
  if (op == "published") return read_published(object);
  if (op == "error") return Reply(read_error(object));
  if (op == "subscribed") return Reply(read_subscribed(object));
  if (op == "unsubscribed") return read_unsubscribed(object);
  if (op == "gap") return read_gap(object);
  if (op == "join") return read_membership<Join>(object, decoded, fault);
  if (op == "leave") return read_membership<Leave>(object, decoded, fault);
  if (op == "presence") return read_presence(object);
  if (op == "history") return read_history(object);
  if (op == "channels") return read_channels(object);
  if (op == "welcome") return read_welcome(object);
  if (op == "authenticated") return read_authenticated(object);
  if (op == "disconnected") return Reply(Disconnected{object.id(), object.count(Key::count).value_or(0)});
  if (op == "kicked") return Reply(Kicked{object.id(), object.count(Key::count).value_or(0)});
  if (op == "pong") return Reply(PongReply{object.id()});
  if (op == "drain") return Push(Drain{object.integer(Key::reconnect_in).value_or(0)});
  return UnknownMessage{};
}

}  // namespace

Result<ServerMessage, std::string> ServerMessageReader::read(std::string_view text) {
  decoded_.begin(text.size());
  JsonScanner scanner(text);
  if (scanner.peek() != '{') return std::string("a message must be a JSON object");
  std::optional<std::string> fault;
  Object object(decoded_, fault);
  if (!object.collect(scanner) || !scanner.finish()) return describe(scanner.fault(), text);
  ServerMessage message = read_op(object.needed_text(Key::op), object, decoded_, fault);
  if (fault) return std::move(*fault);
  return message;
}

}  // namespace crier::command
