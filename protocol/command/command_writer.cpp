#include "protocol/command/command_writer.hpp"

#include "protocol/command/json_object_writer.hpp"

namespace crier::command {

namespace {

void text(ObjectWriter& object, std::string_view name, const std::optional<std::string_view>& value) {
  if (value) object.text(name, *value);
}

void append(ObjectWriter& object, const Auth& auth) {
  object.text("token", auth.token);
}

void append(ObjectWriter& object, const Subscribe& subscribe) {
  object.text("channel", subscribe.channel);
  object.position("since", subscribe.since);
  object.integer("last", subscribe.last);
  if (subscribe.presence) object.boolean("presence", true);
}

void append(ObjectWriter& object, const Unsubscribe& unsubscribe) {
  object.text("channel", unsubscribe.channel);
}

void append(ObjectWriter& object, const Publish& publish) {
  if (publish.broadcast) {
    object.array("channels", publish.channels,
                 [](std::string& out, std::string_view channel) { append_json_string(out, channel); });
  } else {
    object.text("channel", publish.channel);
  }
  object.json("data", publish.data);
  if (publish.encoding == Encoding::base64) object.word("encoding", "base64");
  text(object, "key", publish.key);
  if (!publish.echo) object.boolean("echo", false);
  text(object, "exclude", publish.exclude);
  text(object, "conflate", publish.conflate);
  object.integer("ttl", publish.ttl_s);
}

void append(ObjectWriter& object, const History& history) {
  object.text("channel", history.channel);
  object.position("since", history.since);
  object.integer("limit", history.limit);
  if (history.reverse) object.boolean("reverse", true);
  text(object, "cursor", history.cursor);
}

void append(ObjectWriter& object, const Presence& presence) {
  object.text("channel", presence.channel);
  text(object, "cursor", presence.cursor);
}

void append(ObjectWriter& object, const Channels& channels) {
  text(object, "pattern", channels.pattern);
  text(object, "cursor", channels.cursor);
  object.integer("limit", channels.limit);
}

void append(ObjectWriter& object, const Disconnect& disconnect) {
  text(object, "user", disconnect.user);
  text(object, "session", disconnect.session);
}

void append(ObjectWriter& object, const Kick& kick) {
  object.text("channel", kick.channel);
  text(object, "user", kick.user);
  text(object, "session", kick.session);
}

void append(ObjectWriter& /*object*/, const PingCommand& /*ping*/) {}

}  // namespace

void append_json(std::string& out, const Command& command) {
  ObjectWriter object(out, to_string(command.op()));
  object.id(command.id);
  std::visit([&object](const auto& body) { append(object, body); }, command.body);
}

}  // namespace crier::command
