// Which channels there are: a home's part of the walk through all of them.
#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

#include "broker/hub/home.hpp"
#include "protocol/base/check.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::hub {

namespace {

// Looked at in one step, which may cost a cache miss each: then others have their turn.
constexpr std::size_t slots_per_step = 4096;

// What {"channel":"…","subscribers":…} and a comma take beside the name; names hold nothing that JSON escapes.
constexpr std::size_t around_a_name = 52;

// Changes with the seed of the hashes, that is with the process.
std::uint32_t process_mark() {
  return static_cast<std::uint32_t>(hash_of(" cursor"));
}

constexpr std::size_t mark_digits = 8;
constexpr std::size_t home_digits = 4;
constexpr std::size_t place_digits = 16;

void append_hex(std::string& out, std::uint64_t value, std::size_t digits) {
  while (digits-- > 0) out += "0123456789abcdef"[value >> (4 * digits) & 15];
}

template <class Number>
bool take_hex(std::string_view& text, std::size_t digits, Number& value) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + digits, value, 16);
  const bool whole = fault == std::errc{} && end == text.data() + digits;
  text.remove_prefix(digits);
  return whole;
}

std::uint64_t subscriptions_of(const HomeChannel& channel) {
  std::uint64_t count = 0;
  for (const Interest& interest : channel.interests) count += interest.subscriptions;
  return count;
}

}  // namespace

std::string ListingPlace::text() const {
  std::string text;
  append_hex(text, process_mark(), mark_digits);
  append_hex(text, home, home_digits);
  append_hex(text, place, place_digits);
  return text;
}

std::optional<ListingPlace> ListingPlace::parse(std::string_view text, ShardId shard_count) {
  if (text.size() != mark_digits + home_digits + place_digits) return std::nullopt;
  std::uint32_t mark = 0;
  ListingPlace at;
  if (!take_hex(text, mark_digits, mark) || mark != process_mark()) return std::nullopt;
  if (!take_hex(text, home_digits, at.home) || at.home >= shard_count) return std::nullopt;
  if (!take_hex(text, place_digits, at.place)) return std::nullopt;
  return at;
}

bool ChannelListing::names_one() const noexcept {
  return !pattern.empty() && !command::looks_like_pattern(pattern);
}

void Home::list(ShardId from, ListRequest& request) {
  ChannelListing& listing = *request.listing;
  CRIER_ASSERT(listing.next && listing.limit > 0);
  ++listing.steps;
  const auto add = [&](HomeChannel& channel) { add_to(listing, channel); };
  if (listing.names_one()) {
    if (HomeChannel* const channel = find(listing.pattern, hash_of(listing.pattern))) add(*channel);
    listing.next.reset();
  } else if (const auto place =
                 channels_.visit_from(listing.next->place, slots_per_step, [&] { return listing.full(); }, add)) {
    listing.next->place = *place;
  } else if (listing.next->home + 1 < limits_.shard_count) {
    listing.next = ListingPlace{static_cast<ShardId>(listing.next->home + 1), 0};
  } else {
    listing.next.reset();
  }
  send(from, ListAnswer{std::move(request.listing)});
}

std::optional<std::uint64_t> Home::offer_to(Busiest& busiest, std::uint64_t place) const {
  const auto offer = [&](const HomeChannel& channel) {
    if (channel.name().starts_with(internal_channel_prefix)) return;
    const double published = channel.published.per_second(now_ms_);
    const std::uint64_t subscriptions = subscriptions_of(channel);
    if (published > 0 || subscriptions > 0) busiest.offer(channel.name(), subscriptions, published);
  };
  return channels_.visit_from(place, slots_per_step, [] { return false; }, offer);
}

void Home::add_to(ChannelListing& listing, HomeChannel& channel) {
  const std::string_view name = channel.name();
  if (name.starts_with(internal_channel_prefix)) return;
  if (channel.record) {
    channel.record->expire(now_ms_, {channel.settings->history.messages, channel.settings->history.age.count()});
  }
  if (channel.interests.empty() && (!channel.record || channel.record->empty())) return;
  if (!listing.pattern.empty() && !pattern_matches(listing.pattern, name)) return;
  if (listing.filter && !listing.filter->admits(name)) return;
  ChannelListing::Entry& entry = listing.entries.emplace_back();
  entry.channel = name;
  entry.subscriptions = subscriptions_of(channel);
  listing.bytes += name.size() + around_a_name;
}

}  // namespace crier::hub
