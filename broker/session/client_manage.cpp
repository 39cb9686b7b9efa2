// What services may do beyond publishing: list channels, and end the connections and subscriptions of others.
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "broker/session/client.hpp"
#include "broker/session/list_errors.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::session {

using command::Op;
using Kind = hub::DirectiveRequest::Kind;

namespace {

// What somebody may subscribe to, by the settings of now: other threads ask it, and theirs may change meanwhile.
class Subscribable final : public hub::ChannelFilter {
 public:
  Subscribable(PrincipalPtr who, const config::Config& config) : who_(std::move(who)) {
    settings_.namespaces = config.namespaces;
  }
  [[nodiscard]] bool admits(std::string_view channel) const override {
    const config::Namespace& settings = settings_.settings_of(command::namespace_of(channel));
    return !auth::refuse(auth::Action::subscribe, channel, settings, who_.get());
  }

 private:
  PrincipalPtr who_;
  config::Config settings_;  // its namespaces alone
};

}  // namespace

// --- channels

std::shared_ptr<const hub::ChannelFilter> Client::channel_filter() const {
  return std::make_shared<Subscribable>(who_ ? who_->principal : nullptr, environment_.config);
}

void Client::channels(const command::Channels& command, ReplySlot slot) {
  const auto refuse_with = [&](Error why) { fail(slot, Op::channels, "", std::move(why)); };
  if (std::optional<Error> why = refuse_management()) return refuse_with(std::move(*why));
  if (!has_room_for_list()) return refuse_with(too_many_lists());
  auto listing = std::make_unique<hub::ChannelListing>();
  listing->next = hub::ListingPlace{};
  if (command.cursor) {
    listing->next = hub::ListingPlace::parse(*command.cursor, environment_.shard.settings().shard_count);
    if (!listing->next) return refuse_with(bad_cursor());
  }
  listing->session = ref_;
  listing->tag = tag_of(std::move(slot));
  listing->pattern = command.pattern.value_or(std::string_view{});
  listing->filter = channel_filter();
  listing->limit = command.limit.value_or(std::numeric_limits<std::uint64_t>::max());
  count_inflight(hub::list_bytes_max);
  environment_.shard.list_channels(std::move(listing));
}

void Client::on_channels(hub::ChannelListing& listing) {
  count_ok(Op::channels);
  const ReplySlot slot{listing.tag.group, listing.tag.index, std::move(listing.tag.id)};
  command::ChannelsReply channels;
  channels.id = slot.id;
  channels.channels.reserve(listing.entries.size());
  for (hub::ChannelListing::Entry& entry : listing.entries) {
    channels.channels.push_back({std::move(entry.channel), entry.subscriptions});
  }
  channels.more = listing.next.has_value();
  if (listing.next) channels.cursor = listing.next->text();
  reply(slot, channels);
}

// --- disconnect and kick

// `Target` is a command::Disconnect or a command::Kick.
template <class Target>
void Client::direct(const Target& target, Op op, std::string_view channel, ReplySlot slot) {
  if (std::optional<Error> why = refuse_management()) return fail(slot, op, channel, std::move(*why));
  hub::DirectiveRequest directive;
  directive.kind = op == Op::kick ? Kind::kick : Kind::disconnect;
  directive.channel = channel;
  if (target.session) {
    if (!hub::SessionId::parse(*target.session, directive.session.emplace())) {
      return fail(slot, op, channel,
                  {ErrorCode::bad_request, "session", "session: must be 32 hexadecimal digits, as `welcome` has it"});
    }
  } else {
    directive.user = *target.user;
  }
  count_inflight(hub::request_bytes * environment_.shard.settings().shard_count);
  environment_.shard.direct(ref_, tag_of(std::move(slot)), std::move(directive));
}

void Client::disconnect(const command::Disconnect& command, ReplySlot slot) {
  direct(command, Op::disconnect, "", std::move(slot));
}

void Client::kick(const command::Kick& command, ReplySlot slot) {
  direct(command, Op::kick, command.channel, std::move(slot));
}

void Client::on_directed(hub::DirectiveOutcome& outcome) {
  const ReplySlot slot{outcome.tag.group, outcome.tag.index, std::move(outcome.tag.id)};
  if (outcome.kind == Kind::kick) {
    count_ok(Op::kick);
    return reply(slot, command::Kicked{slot.id, outcome.count});
  }
  count_ok(Op::disconnect);
  reply(slot, command::Disconnected{slot.id, outcome.count});
}

// A client that only posts has no connection of its own: it may be a proxy's, which others use as well.
bool Client::on_disconnect() {
  if (!can_subscribe() || verdict() != nullptr) return false;
  end(websocket::CloseCode::disconnected, "a service has disconnected this session");
  return true;
}

bool Client::on_kick(std::string_view channel) {
  const std::uint32_t at = find_subscription(channel);
  if (at == subscriptions_.size()) return false;
  revoke(at, {ErrorCode::forbidden, "channel", "a service has ended this subscription"});
  return true;
}

}  // namespace crier::session
