#include "broker/hub/presence_text.hpp"

#include <utility>

#include "protocol/command/json_codec.hpp"

namespace crier::hub {

namespace {

command::Member text_of(const Member& member) {
  command::Member text;
  text.session = member.session.text();
  if (!member.identity) return text;
  text.user = member.identity->user;
  if (!member.identity->info_json.empty()) text.info_json = member.identity->info_json;
  return text;
}

}  // namespace

std::vector<command::Member> members_of(const MemberPage& page) {
  std::vector<command::Member> members;
  members.reserve(page.members.size());
  for (const Member& member : page.members) members.push_back(text_of(member));
  return members;
}

std::string cursor_of(const MemberPage& page) {
  return page.more ? page.members.back().session.text() : std::string();
}

void append_presence_push(std::string& out, const PresenceEvent& event) {
  switch (event.kind) {
    case PresenceEvent::Kind::join:
      return command::append_json(out, command::Push{command::Join{event.channel, text_of(event.member)}});
    case PresenceEvent::Kind::leave:
      return command::append_json(out, command::Push{command::Leave{event.channel, text_of(event.member)}});
    case PresenceEvent::Kind::count:
    case PresenceEvent::Kind::list: break;
  }
  command::PresencePush push;
  push.channel = event.channel;
  push.count = event.page.count;
  if (event.kind == PresenceEvent::Kind::list) {
    push.members = members_of(event.page);
    push.more = event.page.more;
    push.cursor = cursor_of(event.page);
  }
  command::append_json(out, command::Push{std::move(push)});
}

}  // namespace crier::hub
