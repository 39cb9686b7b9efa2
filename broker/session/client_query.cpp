// What a client asks of a channel's past and of who is in it.
#include <limits>
#include <string>
#include <utility>

#include "broker/hub/presence_text.hpp"
#include "broker/session/client.hpp"
#include "broker/session/list_errors.hpp"

namespace crier::session {

using command::Op;

Error no_presence() {
  return {ErrorCode::forbidden, "channel", "presence = false in the settings of this channel's namespace"};
}

void Client::history(const command::History& command, ReplySlot slot) {
  const auto refuse_with = [&](Error why) { fail(slot, Op::history, command.channel, std::move(why)); };
  if (auto why = refuse(auth::Action::history, command.channel)) return refuse_with(std::move(*why));
  if (!has_room_for_list()) return refuse_with(too_many_lists());
  hub::HistoryRequest request;
  request.session = ref_;
  request.channel_hash = hub::hash_of(command.channel);
  request.channel = command.channel;
  request.since = command.since;
  request.limit = command.limit.value_or(std::numeric_limits<std::uint32_t>::max());
  request.reverse = command.reverse;
  if (command.cursor) {
    Result<command::Position> at = command::Position::parse(*command.cursor);
    if (!at) return refuse_with(bad_cursor());
    (command.reverse ? request.before : request.since) = std::move(*at);
  }
  request.tag = tag_of(std::move(slot));
  count_inflight(hub::list_bytes_max);
  environment_.shard.history(std::move(request));
}

void Client::on_history(hub::HistoryAnswer& answer) {
  const ReplySlot slot{answer.tag.group, answer.tag.index, std::move(answer.tag.id)};
  if (!answer.page) return fail(slot, Op::history, answer.channel, answer.page.error());
  count_ok(Op::history);
  command::HistoryReply history;
  history.id = slot.id;
  history.channel = std::move(answer.channel);
  for (const hub::MessagePtr& message : answer.page->messages) {
    history.messages.push_back(
        {{}, message->data_json(), message->encoding(), position_of(*message), message->shown_ms()});
  }
  history.position = answer.page->top;
  history.more = answer.page->next.has_value();
  if (answer.page->next) history.cursor = answer.page->next->text();
  reply(slot, history);
}

void Client::presence(const command::Presence& command, ReplySlot slot) {
  const auto refuse_with = [&](Error why) { fail(slot, Op::presence, command.channel, std::move(why)); };
  if (!settings_of(command.channel).presence) return refuse_with(no_presence());
  if (auto why = refuse(auth::Action::presence, command.channel)) return refuse_with(std::move(*why));
  if (!has_room_for_list()) return refuse_with(too_many_lists());
  hub::PresenceRequest request;
  request.session = ref_;
  request.channel_hash = hub::hash_of(command.channel);
  request.channel = command.channel;
  if (command.cursor) {
    hub::SessionId after;
    if (!hub::SessionId::parse(*command.cursor, after)) return refuse_with(bad_cursor());
    request.after = after;
  }
  request.tag = tag_of(std::move(slot));
  count_inflight(hub::list_bytes_max);
  environment_.shard.presence(std::move(request));
}

void Client::on_presence(hub::PresenceAnswer& answer) {
  if (answer.tag.kind != hub::ReplyTag::Kind::none) {
    const ReplySlot slot{answer.tag.group, answer.tag.index, std::move(answer.tag.id)};
    count_ok(Op::presence);
    command::PresenceReply presence;
    presence.id = slot.id;
    presence.channel = std::move(answer.channel);
    presence.members = hub::members_of(answer.page);
    presence.count = answer.page.count;
    presence.more = answer.page.more;
    presence.cursor = hub::cursor_of(answer.page);
    return reply(slot, presence);
  }
  // A watcher that had lagged. If it lags again, the members are asked for again later.
  const std::uint32_t at = find_serial(answer.serial);
  if (at == subscriptions_.size() || !subscriptions_[at]->live()) return;
  environment_.shard.refresh_presence(*subscriptions_[at]);
  command::PresencePush fresh;
  fresh.channel = std::move(answer.channel);
  fresh.count = answer.page.count;
  if (answer.page.count <= settings_of(fresh.channel).presence_watch_max) {
    fresh.members = hub::members_of(answer.page);
    fresh.more = answer.page.more;
    fresh.cursor = hub::cursor_of(answer.page);
  }
  push(fresh);
}

}  // namespace crier::session
