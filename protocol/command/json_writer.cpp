#include "protocol/base/check.hpp"
#include "protocol/command/json_codec.hpp"
#include "protocol/command/json_escape.hpp"
#include "protocol/command/json_object_writer.hpp"
#include "protocol/command/utf8_prefix.hpp"

namespace crier::command {

namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

void append_member(std::string& out, const Member& member) {
  ObjectWriter object(out);
  object.text("session", std::string_view(member.session));
  object.text("user", member.user);
  if (member.info_json) object.json("info", *member.info_json);
}

void append_result(std::string& out, const PublishResult& result) {
  ObjectWriter object(out);
  object.text("channel", std::string_view(result.channel));
  object.position("position", result.position);
  if (!result.error) return;
  object.word("code", to_string(result.error->code));
  object.text("message", std::string_view(result.error->detail));
}

void append_stored(std::string& out, const StoredMessage& message) {
  ObjectWriter object(out);
  object.text_if_any("channel", message.channel);
  object.json("data", message.data_json);
  if (message.encoding == Encoding::base64) object.word("encoding", "base64");
  object.position("position", message.position);
  object.integer("time", message.time_ms);
}

void append_entry(std::string& out, const ChannelsReply::Entry& entry) {
  ObjectWriter object(out);
  object.text("channel", std::string_view(entry.channel));
  object.integer("subscribers", entry.subscribers);
}

void append(std::string& out, const Authenticated& reply) {
  ObjectWriter object(out, "authenticated");
  object.id(reply.id);
  object.text("user", reply.user);
  object.integer("expires_in", reply.expires_in_s);
}

void append(std::string& out, const Subscribed& reply) {
  ObjectWriter object(out, "subscribed");
  object.id(reply.id);
  object.text("channel", std::string_view(reply.channel));
  object.position("position", reply.position);
  if (reply.recovered) object.boolean("recovered", *reply.recovered);
  object.integer("replayed", reply.replayed);
  if (reply.members) object.array("members", *reply.members, append_member);
  if (reply.more) object.boolean("more", true);
  object.text_if_any("cursor", reply.cursor);
}

void append(std::string& out, const Unsubscribed& reply) {
  ObjectWriter object(out, "unsubscribed");
  object.id(reply.id);
  object.text("channel", std::string_view(reply.channel));
}

void append(std::string& out, const Published& reply) {
  ObjectWriter object(out, "published");
  object.id(reply.id);
  object.text("channel", std::string_view(reply.channel));
  object.position("position", reply.position);
}

void append(std::string& out, const BroadcastPublished& reply) {
  ObjectWriter object(out, "published");
  object.id(reply.id);
  object.array("results", reply.results, append_result);
}

void append(std::string& out, const HistoryReply& reply) {
  ObjectWriter object(out, "history");
  object.id(reply.id);
  object.text("channel", std::string_view(reply.channel));
  object.array("messages", reply.messages, append_stored);
  object.position("position", reply.position);
  object.boolean("more", reply.more);
  object.text_if_any("cursor", reply.cursor);
}

void append(std::string& out, const PresenceReply& reply) {
  ObjectWriter object(out, "presence");
  object.id(reply.id);
  object.text("channel", std::string_view(reply.channel));
  object.array("members", reply.members, append_member);
  object.integer("count", reply.count);
  object.boolean("more", reply.more);
  object.text_if_any("cursor", reply.cursor);
}

void append(std::string& out, const ChannelsReply& reply) {
  ObjectWriter object(out, "channels");
  object.id(reply.id);
  object.array("channels", reply.channels, append_entry);
  object.boolean("more", reply.more);
  object.text_if_any("cursor", reply.cursor);
}

void append(std::string& out, const Disconnected& reply) {
  ObjectWriter object(out, "disconnected");
  object.id(reply.id);
  object.integer("count", reply.count);
}

void append(std::string& out, const Kicked& reply) {
  ObjectWriter object(out, "kicked");
  object.id(reply.id);
  object.integer("count", reply.count);
}

void append(std::string& out, const PongReply& reply) {
  ObjectWriter object(out, "pong");
  object.id(reply.id);
}

void append(std::string& out, const ErrorReply& reply) {
  ObjectWriter object(out, "error");
  object.id(reply.id);
  object.text_if_any("command", reply.command);
  object.text_if_any("channel", reply.channel);
  object.word("code", to_string(reply.error.code));
  object.text("message", std::string_view(reply.error.detail));
  object.integer("retry_after", reply.retry_after_s);
}

void append(std::string& out, const Welcome& push) {
  ObjectWriter object(out, "welcome");
  object.text("session", std::string_view(push.session));
  object.text("version", std::string_view(push.version));
  object.integer("heartbeat", push.heartbeat_s);
  object.text("user", push.user);
  object.integer("expires_in", push.expires_in_s);
  ObjectWriter limits(object.key("limits"));
  for (const auto& limit : push.limits) limits.integer(limit.name, limit.value);
}

void append_membership(std::string& out, std::string_view op, std::string_view channel, const Member& member) {
  ObjectWriter object(out, op);
  object.text("channel", channel);
  append_member(object.key("member"), member);
}

void append(std::string& out, const Join& push) {
  append_membership(out, "join", push.channel, push.member);
}

void append(std::string& out, const Leave& push) {
  append_membership(out, "leave", push.channel, push.member);
}

void append(std::string& out, const PresencePush& push) {
  ObjectWriter object(out, "presence");
  object.text("channel", std::string_view(push.channel));
  if (push.members) object.array("members", *push.members, append_member);
  object.integer("count", push.count);
  if (push.more) object.boolean("more", true);
  object.text_if_any("cursor", push.cursor);
}

void append(std::string& out, const Gap& push) {
  ObjectWriter object(out, "gap");
  object.text("channel", std::string_view(push.channel));
  object.integer("lost", push.lost);
  object.boolean("conflated", push.conflated);
  object.position("position", push.position);
}

void append(std::string& out, const UnsubscribedPush& push) {
  ObjectWriter object(out, "unsubscribed");
  object.text("channel", std::string_view(push.channel));
  object.text("code", std::string_view(push.code));
  object.text("reason", std::string_view(push.reason));
}

void append(std::string& out, const Drain& push) {
  ObjectWriter object(out, "drain");
  object.integer("reconnect_in", push.reconnect_in_ms);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t good = utf8_prefix_bytes(text);
    append_escaped(out, text.substr(0, good));
    if (good == text.size()) break;
    out += replacement_character;
    text.remove_prefix(good + 1);
  }
  out += '"';
}

void append_json(std::string& out, const Reply& reply) {
  std::visit([&out](const auto& value) { append(out, value); }, reply);
}

void append_json(std::string& out, const Push& push) {
  std::visit([&out](const auto& value) { append(out, value); }, push);
}

}  // namespace crier::command
