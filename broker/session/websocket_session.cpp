#include "broker/session/websocket_session.hpp"

#include <utility>

#include "broker/config/version.hpp"

namespace crier::session {

WebSocketSession::WebSocketSession(Environment& environment, Host& host, hub::SessionId id, hub::WireForm form)
    : Client(environment, host, id) {
  form_ = form;
}

void WebSocketSession::start(std::span<const ChannelAtConnect> channels, PrincipalPtr principal) {
  introduce(std::move(principal));
  const config::Limits& limits = environment_.config.limits;
  command::Welcome welcome;
  welcome.session = id_.text();
  welcome.version = config::version();
  welcome.heartbeat_s = std::chrono::duration_cast<std::chrono::seconds>(limits.heartbeat).count();
  welcome.user = user_if_any();
  welcome.expires_in_s = expires_in_s();
  welcome.limits = {{"incoming_bytes_max", limits.incoming_bytes_max},
                    {"channels_per_connection_max", limits.channels_per_connection_max},
                    {"commands_per_message_max", command::commands_per_message_max},
                    {"channels_per_publish_max", command::channels_per_publish_max}};
  push(command::Push{std::move(welcome)});
  for (const ChannelAtConnect& channel : channels) subscribe_at_connect(channel.name, channel.since);
  subscribe_to_claimed();
}

void WebSocketSession::on_text(std::string_view message) {
  const auto batch = environment_.parser.parse(message);
  if (!batch) {
    const command::CommandError& refused = batch.error();
    environment_.metrics.commands.back().add(to_string(refused.error.code));
    reply({}, command::ErrorReply{refused.id, refused.command, refused.channel, refused.error, std::nullopt});
    return;
  }
  run_batch(batch->commands, message, 0);
}

void WebSocketSession::on_cbor(std::string_view message) {
  const auto json = environment_.cbor.to_json(message);
  if (json) return on_text(*json);
  environment_.metrics.commands.back().add(to_string(json.error().code));
  reply({}, command::ErrorReply{{}, "", "", json.error(), std::nullopt});
}

void WebSocketSession::deliver(const hub::ChunkPtr& chunk) {
  host_.outbox().push(chunk);
  host_.want_flush();
}

void WebSocketSession::send_message(const hub::Subscription& subscription, const hub::Message& message) {
  environment_.metrics.delivered.add();
  environment_.shard.encoder().append(host_.outbox().own(environment_.shard.chunks()), message, form_,
                                      subscription.pattern() ? subscription.name() : std::string_view{});
  host_.want_flush();
}

void WebSocketSession::reply(const ReplySlot& /*slot*/, const command::Reply& reply) {
  environment_.scratch.clear();
  command::append_json(environment_.scratch, reply);
  send(environment_.scratch);
}

void WebSocketSession::push(const command::Push& push) {
  environment_.scratch.clear();
  command::append_json(environment_.scratch, push);
  send(environment_.scratch);
}

void WebSocketSession::send(std::string_view json) {
  environment_.shard.encoder().append_push(host_.outbox().own(environment_.shard.chunks()), json, form_);
  host_.want_flush();
}

}  // namespace crier::session
