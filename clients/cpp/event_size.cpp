#include "clients/cpp/event_size.hpp"

#include <numeric>
#include <optional>

namespace crier::client {

namespace {

constexpr std::size_t event_bytes = 256;  // what an event costs beside its texts

std::size_t size_of(const Member& member) {
  return sizeof member + member.session.size() + member.user.size() + member.info.size();
}

std::size_t size_of(const std::vector<Member>& members) {
  return std::accumulate(members.begin(), members.end(), std::size_t{0},
                         [](std::size_t bytes, const Member& member) { return bytes + size_of(member); });
}

std::size_t size_of(const std::optional<Error>& error) {
  return error ? error->message.size() : 0;
}

// What an event costs in the queue.
struct SizeOf {
  std::size_t operator()(const StoredMessage& one) const {
    return one.channel.size() + one.pattern.size() + one.data.size() + one.position.size();
  }
  std::size_t operator()(const Subscribed& one) const {
    return one.channel.size() + one.position.size() + one.members_cursor.size() + size_of(one.members);
  }
  std::size_t operator()(const Gap& one) const { return one.channel.size(); }
  std::size_t operator()(const PresenceChange& one) const {
    return one.channel.size() + one.members_cursor.size() + size_of(one.member) + size_of(one.members);
  }
  std::size_t operator()(const SubscriptionEnded& one) const { return one.channel.size() + one.error.message.size(); }
  std::size_t operator()(const StateChange& one) const {
    return size_of(one.error) + one.session.size() + one.user.size() + one.server_version.size();
  }
};

}  // namespace

std::size_t event_size(const Event& event) {
  return event_bytes + std::visit(SizeOf{}, event);
}

}  // namespace crier::client
