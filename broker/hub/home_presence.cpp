// Who is in a channel, as its home knows it, and what its watchers are told.
#include <string>
#include <utility>

#include "broker/hub/home.hpp"
#include "protocol/base/check.hpp"

namespace crier::hub {

namespace {

// Once watchers get counts they go on getting them until a quarter of the limit is free: one member that comes
// and goes must not make every watcher be told all members each time.
constexpr std::size_t singles_again(std::size_t watch_max) {
  return watch_max - watch_max / 4;
}

}  // namespace

// A session that subscribes anew before its earlier subscription's end has come is a member all the time.
void Home::join(HomeChannel& channel, const Member& member) {
  Member former;
  const bool was_member = channel.members.remove(member.session, &former);
  // What waited for the engine may be answered after the session's younger subscription, which stands.
  const bool younger = was_member && static_cast<std::int32_t>(former.serial - member.serial) > 0;
  const bool added = channel.members.add(younger ? former : member);
  CRIER_ASSERT(added);
  if (was_member) return;
  metrics_.members.add(1);
  if (channel.members.size() > channel.settings->presence_watch_max) channel.counting = true;
  announce(channel, PresenceEvent::Kind::join, member);
}

void Home::leave(HomeChannel& channel, const SessionId& session, std::uint32_t serial) {
  Member gone;
  // An older subscription may end after the younger one that had taken its place.
  if (!channel.members.remove(session, &gone)) return;
  if (gone.serial != serial) {
    const bool kept = channel.members.add(std::move(gone));
    CRIER_ASSERT(kept);
    return;
  }
  metrics_.members.add(-1);
  if (channel.counting && channel.members.size() <= singles_again(channel.settings->presence_watch_max)) {
    channel.counting = false;
    return announce(channel, PresenceEvent::Kind::list, gone);
  }
  announce(channel, PresenceEvent::Kind::leave, gone);
}

void Home::announce(HomeChannel& channel, PresenceEvent::Kind kind, const Member& member) {
  if (channel.watchers() == 0) return;
  if (channel.counting) {
    if (!channel.count_due) counts_due_.push_back(&channel);
    channel.count_due = true;
    return;
  }
  for (const Interest& interest : channel.interests) {
    PresenceEvent event;
    event.kind = kind;
    event.channel_hash = channel.hash();
    event.channel = channel.name();
    if (kind == PresenceEvent::Kind::list) {
      event.page = page_of(channel, nullptr);
    } else {
      event.member = member;
    }
    send(interest.shard, std::move(event));
  }
}

MemberPage Home::page_of(const HomeChannel& channel, const SessionId* after) {
  MemberPage page;
  page.count = channel.members.size();
  page.more = !channel.members.page(after, list_bytes_max, page.members);
  return page;
}

void Home::presence(ShardId from, PresenceRequest& request) {
  const HomeChannel* const channel = find(request.channel, request.channel_hash);
  PresenceAnswer answer{.session = request.session,
                        .tag = std::move(request.tag),
                        .serial = request.serial,
                        .channel = std::move(request.channel),
                        .page = {}};
  if (channel != nullptr) answer.page = page_of(*channel, request.after ? &*request.after : nullptr);
  send(from, std::move(answer));
}

}  // namespace crier::hub
