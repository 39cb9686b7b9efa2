#include "protocol/command/command_reader.hpp"

#include "protocol/command/base64.hpp"
#include "protocol/command/quote.hpp"

namespace crier::command {

namespace {

constexpr std::size_t token_bytes_max = std::size_t{64} * 1024;

std::string_view required_channel(FieldReader& in, ChannelForm form) {
  if (!in.require(Field::channel, "it names the channel")) return {};
  return in.channel(Field::channel, form).value_or(std::string_view{});
}

std::optional<std::string_view> session_id(FieldReader& in, Field field) {
  return in.text(field, 1, session_id_bytes_max);
}

std::optional<std::string_view> cursor(FieldReader& in) {
  return in.text(Field::cursor, 1, cursor_bytes_max);
}

void read(FieldReader& in, Auth& auth) {
  if (!in.require(Field::token, "auth carries the token here")) return;
  auth.token = in.text(Field::token, 1, token_bytes_max).value_or(std::string_view{});
}

void read(FieldReader& in, Subscribe& subscribe) {
  subscribe.channel = required_channel(in, ChannelForm::name_or_pattern);
  subscribe.pattern = looks_like_pattern(subscribe.channel);
  if (subscribe.pattern) {
    for (const Field field : {Field::since, Field::last, Field::presence}) {
      if (in.has(field)) in.fail(field, "cannot go with a pattern, only with a channel's name");
    }
  }
  subscribe.since = in.position(Field::since);
  subscribe.last = in.integer(Field::last, 0, count_max);
  subscribe.presence = in.boolean(Field::presence).value_or(false);
}

void read(FieldReader& in, Unsubscribe& unsubscribe) {
  unsubscribe.channel = required_channel(in, ChannelForm::name_or_pattern);
}

void read_data(FieldReader& in, Publish& publish) {
  if (!in.require(Field::data, "publish needs the message's content, any JSON value")) return;
  const JsonValue& data = in.value(Field::data);
  publish.data = data.raw;
  if (!in.has(Field::encoding)) return;
  const auto encoding = in.text(Field::encoding, 0, count_max);
  if (!encoding) return;
  if (*encoding != "base64") {
    in.fail(Field::encoding, "must be 'base64' or left out, found " + quote(*encoding));
    return;
  }
  publish.encoding = Encoding::base64;
  if (data.kind != JsonKind::string) {
    in.fail(Field::data, "must be a string of base64, as encoding says, found " + describe_value(data));
  } else if (data.escaped) {
    in.fail(Field::data, "must be base64 without backslashes: write '/' as it is");
  } else if (!is_base64(data.inside())) {
    in.fail(Field::data, "must be standard base64 with its padding (RFC 4648 section 4), as encoding says");
  }
}

// Most publishes have none of these: one test then, instead of five.
constexpr std::uint32_t publish_options = field_bit(Field::key) | field_bit(Field::echo) | field_bit(Field::exclude) |
                                          field_bit(Field::conflate) | field_bit(Field::ttl);

void read(FieldReader& in, Publish& publish) {
  publish.broadcast = in.has(Field::channels);
  if (publish.broadcast && in.has(Field::channel)) {
    in.fail(Field::channels, "cannot go with channel: give the one or the other");
  } else if (!publish.broadcast && in.require(Field::channel, "publish needs it, or channels for a broadcast")) {
    publish.channel = in.channel(Field::channel, ChannelForm::name).value_or(std::string_view{});
  }
  read_data(in, publish);
  if (!in.has_any(publish_options)) return;
  publish.key = in.text(Field::key, 1, publish_key_bytes_max);
  publish.echo = in.boolean(Field::echo).value_or(true);
  publish.exclude = session_id(in, Field::exclude);
  publish.conflate = in.text(Field::conflate, 1, publish_key_bytes_max);
  publish.ttl_s = in.integer(Field::ttl, 1, ttl_s_max);
}

void read(FieldReader& in, History& history) {
  history.channel = required_channel(in, ChannelForm::name);
  history.since = in.position(Field::since);
  history.limit = in.integer(Field::limit, 1, count_max);
  history.reverse = in.boolean(Field::reverse).value_or(false);
  history.cursor = cursor(in);
}

void read(FieldReader& in, Presence& presence) {
  presence.channel = required_channel(in, ChannelForm::name);
  presence.cursor = cursor(in);
}

void read(FieldReader& in, Channels& channels) {
  channels.pattern = in.channel(Field::pattern, ChannelForm::name_or_pattern);
  channels.cursor = cursor(in);
  channels.limit = in.integer(Field::limit, 1, count_max);
}

// Whom to disconnect or kick: exactly one of the two.
template <class Target>
void read_target(FieldReader& in, Target& target) {
  if (in.has(Field::user) && in.has(Field::session)) {
    in.fail(Field::session, "cannot go with user: give the one or the other");
  } else if (!in.has(Field::session)) {
    static_cast<void>(in.require(Field::user, "user or session says whose connections are meant"));
  }
  target.user = in.text(Field::user, 1, user_bytes_max);
  target.session = session_id(in, Field::session);
}

void read(FieldReader& in, Disconnect& disconnect) {
  read_target(in, disconnect);
}

void read(FieldReader& in, Kick& kick) {
  read_target(in, kick);
  kick.channel = required_channel(in, ChannelForm::name_or_pattern);
}

void read(FieldReader&, PingCommand&) {}

// In place: the variant is large, and a publish must not be moved about.
void read_body(FieldReader& in, Op op, Command& command) {
  switch (op) {
    case Op::auth: return read(in, command.body.emplace<Auth>());
    case Op::subscribe: return read(in, command.body.emplace<Subscribe>());
    case Op::unsubscribe: return read(in, command.body.emplace<Unsubscribe>());
    case Op::publish: return read(in, command.body.emplace<Publish>());
    case Op::history: return read(in, command.body.emplace<History>());
    case Op::presence: return read(in, command.body.emplace<Presence>());
    case Op::channels: return read(in, command.body.emplace<Channels>());
    case Op::disconnect: return read(in, command.body.emplace<Disconnect>());
    case Op::kick: return read(in, command.body.emplace<Kick>());
    case Op::ping: return read(in, command.body.emplace<PingCommand>());
  }
  __builtin_unreachable();
}

std::string all_ops() {
  std::string list;
  for (std::size_t i = 0; i < op_count; ++i) {
    if (i > 0) list += ", ";
    list += to_string(static_cast<Op>(i));
  }
  return list;
}

std::optional<Op> read_op(FieldReader& in) {
  if (!in.has(Field::op)) {
    in.fail(Field::op, "missing; a command needs one of " + all_ops());
    return std::nullopt;
  }
  const auto name = in.text(Field::op, 0, count_max);
  if (!name) return std::nullopt;
  const auto op = op_named(*name);
  if (!op) in.fail(Field::op, "must be one of " + all_ops() + ", found " + quote(*name));
  return op;
}

}  // namespace

std::optional<Op> op_named(std::string_view name) {
  switch (name.size()) {
    case 4: return one_of<Op::auth, Op::kick, Op::ping>(name);
    case 7: return one_of<Op::publish, Op::history>(name);
    case 8: return one_of<Op::presence, Op::channels>(name);
    case 9: return one_of<Op::subscribe>(name);
    case 10: return one_of<Op::disconnect>(name);
    case 11: return one_of<Op::unsubscribe>(name);
    default: return std::nullopt;
  }
}

std::optional<Error> read_command(const RawCommand& raw, std::size_t index, DecodedText& decoded, ChannelLists& lists,
                                  Command& command) {
  FieldReader in(raw, decoded);
  command.id = in.id();
  if (const auto op = read_op(in)) {
    read_body(in, *op, command);
    if (*op == Op::publish && in.has(Field::channels) && !in.failed()) {
      const std::size_t first = lists.names.size();
      in.channels(Field::channels, lists.names, lists.sorted);
      lists.ranges.push_back({index, first, lists.names.size() - first});
    }
  }
  if (!in.failed()) return std::nullopt;
  return std::move(in.error());
}

}  // namespace crier::command
