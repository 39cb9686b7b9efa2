// Publishing: rules, credit, acknowledgements, broadcasts.
#include <algorithm>
#include <string>
#include <utility>

#include "broker/session/client.hpp"

namespace crier::session {

using command::Op;

std::optional<Error> Client::refuse_publish(std::string_view channel, const config::Namespace& settings,
                                            std::string_view data) const {
  if (settings.publish != config::Who::anyone) {
    if (auto why = auth::refuse(auth::Action::publish, channel, settings, principal())) return why;
  }
  if (data.size() <= settings.message_bytes_max) return std::nullopt;
  return Error{ErrorCode::too_large, "data",
               "data has " + std::to_string(data.size()) + " bytes, over message_bytes_max (" +
                   std::to_string(settings.message_bytes_max) + ") of this channel's namespace"};
}

// Users and services with the same key do not mean the same message; all who are nobody share theirs.
std::string Client::key_scope() const {
  const auth::Principal* const who = principal();
  if (who == nullptr || who->name.empty()) return "";
  return (who->kind == auth::Principal::Kind::service ? "s " : "u ") + who->name;
}

void Client::publish(const command::Publish& command, ReplySlot slot) {
  const config::Namespace& settings = settings_of(command.channel);
  if (auto why = refuse_publish(command.channel, settings, command.data)) {
    return fail(slot, Op::publish, command.channel, std::move(*why));
  }
  hub::ReplyTag tag;
  if (wants_acknowledgement(slot)) tag = tag_of(std::move(slot));
  publish_one(command.channel, command, settings, std::move(tag));
}

bool Client::wants_acknowledgement(const ReplySlot& slot) const {
  return acknowledges_everything() || !std::holds_alternative<std::monostate>(slot.id);
}

void Client::publish_one(std::string_view channel, const command::Publish& command, const config::Namespace& settings,
                         hub::ReplyTag tag) {
  publishes_ = true;
  hub::MessageOptions options;
  options.encoding = command.encoding;
  options.received_ns = environment_.received_ns;
  options.compressible = settings.compression;
  options.conflate_key = command.conflate.value_or(std::string_view{});
  options.ttl_s = command.ttl_s.value_or(0);
  if (!command.echo) options.echo_off = &id_;
  hub::SessionId excluded;
  if (command.exclude && hub::SessionId::parse(*command.exclude, excluded)) options.exclude = &excluded;
  std::unique_ptr<hub::PublishRequest::Key> key;
  if (command.key)
    key = std::make_unique<hub::PublishRequest::Key>(hub::PublishRequest::Key{key_scope(), std::string(*command.key)});
  if (tag.kind == hub::ReplyTag::Kind::none) count_ok(Op::publish);  // otherwise when the answer comes
  hub::MessageDraft draft(channel, hub::hash_of(channel), command.data, options);
  count_inflight(draft->bytes());
  environment_.shard.publish(ref_, std::move(draft), std::move(tag), std::move(key));
}

// Without an id only errors are told: one for the whole broadcast, however many channels it names.
void Client::tell_refused(const command::Publish& command, const ReplySlot& slot) {
  std::size_t refused = 0;
  std::string_view first;
  Error why;
  for (const std::string_view name : command.channels) {
    auto one = refuse_publish(name, settings_of(name), command.data);
    if (!one || refused++ > 0) continue;
    first = name;
    why = std::move(*one);
  }
  if (refused == 0) return;
  if (refused > 1) why.detail += " (and so for " + std::to_string(refused - 1) + " more channels of this broadcast)";
  fail(slot, Op::publish, first, std::move(why));
}

// From `channel` on. False when it had to stop for want of credit, at `channel`.
bool Client::publish_broadcast(const command::Publish& command, const ReplySlot& slot, std::uint32_t& channel) {
  const bool acknowledged = wants_acknowledgement(slot);
  if (acknowledged && channel == 0) {
    Broadcast& fresh = busy().broadcasts.emplace_back();
    fresh.number = busy().next_broadcast++;
    fresh.open = static_cast<std::uint32_t>(command.channels.size());
    fresh.slot = slot;
    for (const std::string_view name : command.channels) {
      fresh.results.push_back({std::string(name), std::nullopt, std::nullopt});
    }
  }
  if (!acknowledged && channel == 0) tell_refused(command, slot);
  // A session publishes one broadcast at a time: the one that was begun last.
  for (; channel < command.channels.size(); ++channel) {
    if (paused_) return false;
    const std::string_view name = command.channels[channel];
    const config::Namespace& settings = settings_of(name);
    auto why = refuse_publish(name, settings, command.data);
    if (!why) {
      hub::ReplyTag tag;
      if (acknowledged) tag = {hub::ReplyTag::Kind::part, busy_->broadcasts.back().number, channel, {}};
      publish_one(name, command, settings, std::move(tag));
    } else if (acknowledged) {  // else it was told
      environment_.metrics.commands[static_cast<std::size_t>(Op::publish)].add(to_string(why->code));
      Broadcast& broadcast = busy_->broadcasts.back();
      broadcast.results[channel].error = std::move(why);
      --broadcast.open;
    }
  }
  if (acknowledged) finish_broadcast_if_done(busy_->broadcasts.size() - 1);
  return true;
}

void Client::finish_broadcast_if_done(std::size_t at) {
  auto& broadcasts = busy_->broadcasts;
  if (broadcasts[at].open > 0) return;
  Broadcast done = std::move(broadcasts[at]);
  broadcasts.erase(broadcasts.begin() + static_cast<std::ptrdiff_t>(at));
  reply(done.slot, command::BroadcastPublished{done.slot.id, std::move(done.results)});
  rest();
}

void Client::on_published(hub::PublishAnswer& answer) {
  using Kind = hub::ReplyTag::Kind;
  const std::string channel(answer.message ? answer.message->channel() : std::string_view(answer.outcome->channel));
  std::optional<command::Position> position;
  std::optional<Error> error;
  if (answer.message) {
    position = position_of(*answer.message);
  } else if (answer.outcome->position) {
    position = *answer.outcome->position;
  } else {
    error = answer.outcome->position.error();
  }
  if (answer.tag.kind == Kind::part) return finish_part(answer.tag, std::move(position), std::move(error));
  const ReplySlot slot{answer.tag.group, answer.tag.index, std::move(answer.tag.id)};
  if (error) return fail(slot, Op::publish, channel, std::move(*error), answer.outcome->retry_after_s);
  if (answer.tag.kind == Kind::none) return;  // without an id only errors are told
  count_ok(Op::publish);
  reply(slot, command::Published{slot.id, channel, std::move(position)});
}

void Client::finish_part(const hub::ReplyTag& tag, std::optional<command::Position> position,
                         std::optional<Error> error) {
  CRIER_ASSERT(busy_ != nullptr);
  auto& broadcasts = busy_->broadcasts;
  const auto found =
      std::find_if(broadcasts.begin(), broadcasts.end(), [&](const Broadcast& one) { return one.number == tag.group; });
  CRIER_ASSERT(found != broadcasts.end());
  environment_.metrics.commands[static_cast<std::size_t>(Op::publish)].add(error ? to_string(error->code) : "ok");
  found->results[tag.index].position = std::move(position);
  found->results[tag.index].error = std::move(error);
  --found->open;
  finish_broadcast_if_done(static_cast<std::size_t>(found - broadcasts.begin()));
}

}  // namespace crier::session
