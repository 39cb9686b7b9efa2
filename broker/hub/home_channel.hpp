// What a home knows of a channel, and of a pattern. Owner: the home. Thread: the shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/config/config.hpp"
#include "broker/hub/history.hpp"
#include "broker/hub/inline_vector.hpp"
#include "broker/hub/member_list.hpp"
#include "broker/hub/named.hpp"
#include "broker/hub/reply_tag.hpp"
#include "broker/runtime/pace.hpp"
#include "broker/runtime/recent_count.hpp"

namespace crier::hub {

// So many subscriptions of that shard. Counted one by one, never as a set: a shard's last subscriber may
// leave behind a subscription that is still on its way (design rule 1).
struct Interest {
  ShardId shard = 0;
  std::uint16_t unused = 0;
  std::uint32_t subscriptions = 0;
};
using Interests = InlineVector<Interest>;

void add_interest(Interests& interests, ShardId shard);
void remove_interest(Interests& interests, ShardId shard);  // of a shard that has one

struct HomeChannel;

// What a channel needs once something was published in it. A history that the budget finds by itself.
struct ChannelRecord : History {
  ChannelRecord(HomeChannel& home_channel, HistoryBudget& budget, std::uint64_t floor)
      : History(budget, floor), channel(home_channel) {}
  HomeChannel& channel;
  std::uint64_t number = 0;   // of its newest message
  std::uint32_t pending = 0;  // publishes that the engine has not answered
  std::uint32_t keys = 0;     // idempotency keys
  runtime::Pace pace;         // of its publishes, where its namespace has a `rate`
};

struct HomeChannel final : Named<HomeChannel> {
  HomeChannel(std::size_t hash, const config::Namespace& its_settings, std::uint64_t its_top)
      : Named(hash), settings(&its_settings), top(its_top) {}

  // How many subscriptions want joins and leaves.
  [[nodiscard]] std::uint32_t watchers() const noexcept { return interests.empty() ? 0 : watchers_or_idle_; }
  void add_watcher() noexcept { ++watchers_or_idle_; }
  void remove_watcher() noexcept { --watchers_or_idle_; }
  void forget_watchers() noexcept { watchers_or_idle_ = interests.empty() ? watchers_or_idle_ : 0; }
  // Wall time from which on there were no interests. To be told of the first one, and of the last one's end.
  [[nodiscard]] std::uint32_t idle_since_s() const noexcept { return interests.empty() ? watchers_or_idle_ : 0; }
  void end_idle() noexcept { watchers_or_idle_ = 0; }
  void begin_idle(std::uint32_t now_s) noexcept { watchers_or_idle_ = now_s; }

  bool counting = false;   // too many members for single joins: watchers get counts
  bool count_due = false;  // one, at the end of this turn

 private:
  std::uint32_t watchers_or_idle_ = 0;  // an idle channel has no watchers

 public:
  const config::Namespace* settings;  // never null; see Home::reconfigure
  Interests interests;
  // Every message of the channel up to here has been fanned out, every later one lies above. Its newest
  // message's offset, or what the home had fanned out of others when it met the channel.
  std::uint64_t top;
  MemberList members;
  std::unique_ptr<ChannelRecord> record;
  runtime::RecentCount published;
};

// As many as there are connections, often. (The C library hands out 88 bytes for anything above 72.)
static_assert(sizeof(HomeChannel) <= 88);

struct HomePattern {
  explicit HomePattern(std::string_view pattern) : name_(pattern) {}
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  Interests interests;

 private:
  std::string name_;
};

}  // namespace crier::hub
