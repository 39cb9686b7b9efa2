// What a shard does for services: listing the channels of all homes, and ending sessions and subscriptions of others.
#include <utility>

#include "broker/hub/shard.hpp"

namespace crier::hub {

namespace {

// Of one listing: what it has found by then is its page, however little that is.
constexpr std::uint32_t listing_steps_max = 256;

}  // namespace

void Shard::list_channels(std::unique_ptr<ChannelListing> listing) {
  thread_.check();
  CRIER_ASSERT(listing->next && listing->next->home < settings_.shard_count);
  if (listing->names_one()) listing->next = ListingPlace{home_of(hash_of(listing->pattern)), 0};
  const ShardId to = listing->next->home;
  request(to, ListRequest{std::move(listing)});
}

void Shard::take_list_answer(ListAnswer& answer) {
  ChannelListing& listing = *answer.listing;
  Subscriber* const session = find(listing.session);
  if (session == nullptr) return;
  if (listing.next && !listing.full() && listing.steps < listing_steps_max) {
    return list_channels(std::move(answer.listing));
  }
  session->on_credit(list_bytes_max);
  session->on_channels(listing);
}

void Shard::direct(SessionRef session, ReplyTag tag, DirectiveRequest directive) {
  thread_.check();
  CRIER_ASSERT(directive.session || !directive.user.empty());
  directive.number = next_directive_++;
  pending_directives_.emplace(directive.number,
                              PendingDirective{{session, std::move(tag), directive.kind, 0}, settings_.shard_count});
  for (ShardId to = 0; to < settings_.shard_count; ++to) {
    outgoing(to).requests.emplace_back(std::make_unique<DirectiveRequest>(directive));
  }
}

// One walk through the sessions, however many are meant. None comes or goes meanwhile: a connection that is told to
// end does so after the turn.
void Shard::take_directive(ShardId from, const DirectiveRequest& directive) {
  std::uint64_t count = 0;
  for (const Slot& slot : slots_) {
    if (slot.subscriber == nullptr) continue;
    Subscriber& subscriber = *slot.subscriber;
    const bool meant = directive.session ? subscriber.id() == *directive.session : subscriber.user() == directive.user;
    if (!meant) continue;
    const bool kick = directive.kind == DirectiveRequest::Kind::kick;
    if (kick ? subscriber.on_kick(directive.channel) : subscriber.on_disconnect()) ++count;
    if (directive.session) break;
  }
  send_answer(from, std::make_unique<Answer>(DirectiveAnswer{directive.number, count}));
}

void Shard::take_directive_answer(const DirectiveAnswer& answer) {
  const auto found = pending_directives_.find(answer.number);
  CRIER_ASSERT(found != pending_directives_.end());
  PendingDirective& pending = found->second;
  pending.outcome.count += answer.count;
  const bool last = --pending.open == 0;
  Subscriber* const session = find(pending.outcome.session);
  if (session != nullptr) session->on_credit(request_bytes);
  if (!last) return;
  DirectiveOutcome outcome = std::move(pending.outcome);
  pending_directives_.erase(found);
  if (session != nullptr) session->on_directed(outcome);
}

}  // namespace crier::hub
