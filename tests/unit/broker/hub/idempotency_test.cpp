#include "broker/hub/idempotency.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace crier::hub {
namespace {

using Found = IdempotencyKeys::Found;
using Waiter = IdempotencyKeys::Waiter;

IdempotencyKey key_of(std::string_view channel, std::string_view scope, std::string_view key) {
  return {channel, hash_of(channel), scope, key};
}
Waiter waiter(std::uint32_t slot) {
  return {.from = 1, .session = {slot, 1}, .tag = {ReplyTag::Kind::single, 0, 0, std::int64_t{slot}}, .bytes = slot};
}
std::vector<std::uint32_t> slots(const std::vector<Waiter>& waiters) {
  std::vector<std::uint32_t> all;
  for (const Waiter& each : waiters) all.push_back(each.session.slot);
  return all;
}
using Slots = std::vector<std::uint32_t>;

Found begin(IdempotencyKeys& keys, const IdempotencyKey& key, std::int64_t now_ms = 0, std::uint32_t slot = 0) {
  return keys.begin(key, now_ms, waiter(slot)).found;
}
std::vector<std::string> expire(IdempotencyKeys& keys, std::int64_t now_ms, std::size_t at_most = 1000) {
  std::vector<std::string> channels;
  keys.expire(now_ms, at_most, [&](std::string_view channel, std::size_t hash) {
    EXPECT_EQ(hash, hash_of(channel));
    channels.emplace_back(channel);
  });
  return channels;
}

TEST(IdempotencyKeys, Give_the_first_ones_position_until_they_expire) {
  IdempotencyKeys keys(10);
  const IdempotencyKey key = key_of("a", "user", "k");
  EXPECT_EQ(begin(keys, key), Found::fresh);
  EXPECT_TRUE(keys.stored(key, 42, 1000).empty());
  const IdempotencyKeys::Lookup again = keys.begin(key, 999, waiter(1));
  EXPECT_EQ(again.found, Found::done);
  EXPECT_EQ(again.offset, 42U);
  EXPECT_EQ(begin(keys, key, 1000), Found::renewed);
}

TEST(IdempotencyKeys, Keep_those_who_come_while_the_first_is_on_its_way) {
  IdempotencyKeys keys(10);
  const IdempotencyKey key = key_of("a", "", "k");
  EXPECT_EQ(begin(keys, key, 0, 1), Found::fresh);
  EXPECT_EQ(begin(keys, key, 0, 2), Found::pending);
  EXPECT_EQ(begin(keys, key, 0, 3), Found::pending);
  const std::vector<Waiter> waiters = keys.stored(key, 42, 1000);
  ASSERT_EQ(slots(waiters), (Slots{2, 3}));
  EXPECT_EQ(waiters[1].from, 1);
  EXPECT_EQ(waiters[1].tag.id, command::CommandId(std::int64_t{3}));
  EXPECT_EQ(waiters[1].bytes, 3U);
  EXPECT_EQ(begin(keys, key), Found::done);
}

TEST(IdempotencyKeys, Are_free_again_after_a_failure_and_hand_out_who_waited) {
  IdempotencyKeys keys(10);
  const IdempotencyKey key = key_of("a", "", "k");
  EXPECT_EQ(begin(keys, key, 0, 1), Found::fresh);
  EXPECT_EQ(begin(keys, key, 0, 2), Found::pending);
  EXPECT_EQ(slots(keys.failed(key)), Slots{2});
  EXPECT_EQ(keys.size(), 0U);
  EXPECT_EQ(begin(keys, key, 0, 3), Found::fresh);
  EXPECT_TRUE(keys.failed(key).empty());
}

TEST(IdempotencyKeys, Are_told_apart_by_channel_scope_and_key) {
  IdempotencyKeys keys(20);
  // The same characters in all, cut at other places.
  EXPECT_EQ(begin(keys, key_of("ab", "cd", "ef")), Found::fresh);
  EXPECT_EQ(begin(keys, key_of("a", "bcd", "ef")), Found::fresh);
  EXPECT_EQ(begin(keys, key_of("ab", "c", "def")), Found::fresh);
  EXPECT_EQ(begin(keys, key_of("ab", "", "cdef")), Found::fresh);
  EXPECT_EQ(begin(keys, key_of("fab", "cd", "e")), Found::fresh);
  EXPECT_EQ(begin(keys, key_of("ab", "cd", "ef")), Found::pending);
  EXPECT_EQ(keys.size(), 5U);
}

TEST(IdempotencyKeys, Are_told_apart_though_all_channels_share_a_hash) {
  IdempotencyKeys keys(20);
  EXPECT_EQ(begin(keys, {"a", 7, "user", "k"}), Found::fresh);
  EXPECT_EQ(begin(keys, {"b", 7, "user", "k"}), Found::fresh);
  EXPECT_EQ(begin(keys, {"b", 7, "user", "k"}), Found::pending);
}

TEST(IdempotencyKeys, Refuse_new_keys_when_they_are_full_and_still_know_the_old_ones) {
  IdempotencyKeys keys(2);
  EXPECT_EQ(begin(keys, key_of("a", "", "1")), Found::fresh);
  EXPECT_EQ(begin(keys, key_of("a", "", "2")), Found::fresh);
  EXPECT_EQ(begin(keys, key_of("a", "", "3")), Found::full);
  EXPECT_FALSE(keys.restore(key_of("a", "", "3"), 1, 1000));
  EXPECT_EQ(begin(keys, key_of("a", "", "2")), Found::pending);
  EXPECT_EQ(keys.size(), 2U);
  (void)keys.failed(key_of("a", "", "1"));
  EXPECT_EQ(begin(keys, key_of("a", "", "3")), Found::fresh);
}

TEST(IdempotencyKeys, Let_no_more_than_a_thousand_wait_for_one_publish) {
  IdempotencyKeys keys(2);
  const IdempotencyKey key = key_of("a", "", "k");
  EXPECT_EQ(begin(keys, key), Found::fresh);
  for (std::uint32_t slot = 1; slot <= 1000; ++slot) ASSERT_EQ(begin(keys, key, 0, slot), Found::pending);
  Waiter refused = waiter(1001);
  EXPECT_EQ(keys.begin(key, 0, std::move(refused)).found, Found::full);
  EXPECT_EQ(keys.stored(key, 1, 1000).size(), 1000U);
}

TEST(IdempotencyKeys, Leave_the_waiter_alone_unless_it_waits) {
  IdempotencyKeys keys(2);
  Waiter mine = waiter(1);
  mine.tag.id = std::string(40, 'x');
  EXPECT_EQ(keys.begin(key_of("a", "", "k"), 0, std::move(mine)).found, Found::fresh);
  EXPECT_EQ(mine.tag.id, command::CommandId(std::string(40, 'x')));  // NOLINT(bugprone-use-after-move): the promise
}

TEST(IdempotencyKeys, Expire_in_the_order_of_time_and_name_each_ones_channel) {
  IdempotencyKeys keys(10);
  EXPECT_TRUE(keys.restore(key_of("late", "", "k"), 1, 3000));
  EXPECT_TRUE(keys.restore(key_of("early", "", "k"), 2, 1000));
  EXPECT_TRUE(keys.restore(key_of("middle", "", "k"), 3, 2000));
  EXPECT_EQ(begin(keys, key_of("pending", "", "k")), Found::fresh);
  EXPECT_EQ(keys.next_expiry_ms(), 1000);
  EXPECT_EQ(expire(keys, 999), std::vector<std::string>{});
  EXPECT_EQ(expire(keys, 3000, 1), std::vector<std::string>{"early"});
  EXPECT_EQ(expire(keys, 3000), (std::vector<std::string>{"middle", "late"}));
  EXPECT_EQ(keys.next_expiry_ms(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(keys.size(), 1U);
}

TEST(IdempotencyKeys, Do_not_expire_after_they_were_renewed) {
  IdempotencyKeys keys(10);
  const IdempotencyKey key = key_of("a", "", "k");
  EXPECT_TRUE(keys.restore(key, 1, 1000));
  EXPECT_EQ(begin(keys, key, 1000), Found::renewed);
  EXPECT_EQ(expire(keys, 5000), std::vector<std::string>{});
  EXPECT_EQ(begin(keys, key, 5000), Found::pending);
  EXPECT_EQ(keys.stored(key, 2, 6000).size(), 1U);
  EXPECT_EQ(keys.begin(key, 5999, waiter(1)).offset, 2U);
  EXPECT_EQ(expire(keys, 6000), std::vector<std::string>{"a"});
}

TEST(IdempotencyKeys, Expire_in_order_though_one_was_renewed_in_between) {
  IdempotencyKeys keys(10);
  // Below the 10 stand 11 and 12 in the heap; the 3, far from there, takes the place of the 11.
  for (const int ms : {1, 10, 2, 11, 12, 20, 3}) {
    EXPECT_TRUE(keys.restore(key_of(std::to_string(ms), "", "k"), 1, ms));
  }
  EXPECT_EQ(begin(keys, key_of("11", "", "k"), 11), Found::renewed);
  EXPECT_EQ(expire(keys, 5), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(expire(keys, 20), (std::vector<std::string>{"10", "12", "20"}));
}

TEST(IdempotencyKeys, Come_back_from_a_state_file_as_they_were) {
  IdempotencyKeys keys(10);
  EXPECT_TRUE(keys.restore(key_of("a", "user", "1"), 11, 1000));
  EXPECT_TRUE(keys.restore(key_of("b", "", "2"), 22, 2000));
  EXPECT_EQ(begin(keys, key_of("c", "", "pending")), Found::fresh);
  IdempotencyKeys restored(10);
  keys.for_each_done([&](const IdempotencyKey& key, std::uint64_t offset, std::int64_t expires_ms) {
    EXPECT_TRUE(restored.restore(key, offset, expires_ms));
    EXPECT_FALSE(restored.restore(key, offset + 1, expires_ms));
  });
  EXPECT_EQ(restored.size(), 2U);
  EXPECT_EQ(restored.begin(key_of("a", "user", "1"), 0, waiter(1)).offset, 11U);
  EXPECT_EQ(restored.begin(key_of("b", "", "2"), 0, waiter(1)).offset, 22U);
  EXPECT_EQ(expire(restored, 1000), std::vector<std::string>{"a"});
}

TEST(IdempotencyKeysDeathTest, Refuse_an_outcome_that_nobody_waits_for) {
  IdempotencyKeys keys(10);
  EXPECT_DEATH((void)keys.stored(key_of("a", "", "k"), 1, 1000), "invariant");
  EXPECT_TRUE(keys.restore(key_of("a", "", "k"), 1, 1000));
  EXPECT_DEATH((void)keys.failed(key_of("a", "", "k")), "invariant");
}

// What a map with a scan over all of it does.
class Model {
 public:
  using Name = std::tuple<std::string, std::string, std::string>;
  struct State {
    bool pending = true;
    std::uint64_t offset = 0;
    std::int64_t expires_ms = 0;
    Slots waiters;
  };
  std::map<Name, State> keys;

  Found begin(const Name& name, std::size_t keys_max, std::int64_t now_ms, std::uint32_t slot) {
    const auto found = keys.find(name);
    if (found == keys.end()) {
      if (keys.size() == keys_max) return Found::full;
      keys[name] = {};
      return Found::fresh;
    }
    State& state = found->second;
    if (state.pending) {
      state.waiters.push_back(slot);
      return Found::pending;
    }
    if (state.expires_ms > now_ms) return Found::done;
    state = {};
    return Found::renewed;
  }
  // Takes one of those with the earliest expiry out, if that has come; the channel says which.
  bool expire(const std::string& channel, std::int64_t now_ms) {
    std::int64_t first = now_ms + 1;
    for (const auto& [name, state] : keys) {
      if (!state.pending) first = std::min(first, state.expires_ms);
    }
    for (auto at = keys.begin(); at != keys.end(); ++at) {
      if (at->second.pending || at->second.expires_ms != first || std::get<0>(at->first) != channel) continue;
      if (first > now_ms) return false;
      keys.erase(at);
      return true;
    }
    return false;
  }
  [[nodiscard]] std::size_t expired(std::int64_t now_ms) const {
    std::size_t count = 0;
    for (const auto& [name, state] : keys) count += !state.pending && state.expires_ms <= now_ms ? 1 : 0;
    return count;
  }
};

TEST(IdempotencyKeys, Agree_with_a_map_under_random_use) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(std::string("seed ").append(std::to_string(seed)));
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t bound) { return random() % bound; };
    constexpr std::size_t keys_max = 150;
    IdempotencyKeys keys(keys_max);
    Model model;
    std::int64_t now_ms = 0;
    std::map<Found, std::size_t> seen;
    for (std::uint32_t step = 0; step < 8000; ++step) {
      now_ms += static_cast<std::int64_t>(below(4));
      // Each channel holds one key at most, so that its name tells which key was forgotten.
      const std::string channel = std::string("c").append(std::to_string(below(250)));
      const Model::Name name{channel, channel.size() % 2 == 0 ? "" : "user", "key"};
      const IdempotencyKey key = key_of(channel, std::get<1>(name), "key");
      const auto known = model.keys.find(name);
      if (known != model.keys.end() && known->second.pending && below(2) == 0) {
        if (below(3) == 0) {
          ASSERT_EQ(slots(keys.failed(key)), known->second.waiters);
          model.keys.erase(known);
        } else {
          const std::int64_t expires_ms = now_ms + static_cast<std::int64_t>(below(2000));
          ASSERT_EQ(slots(keys.stored(key, step, expires_ms)), known->second.waiters);
          known->second = {false, step, expires_ms, {}};
        }
      } else {
        const IdempotencyKeys::Lookup lookup = keys.begin(key, now_ms, waiter(step));
        ASSERT_EQ(lookup.found, model.begin(name, keys_max, now_ms, step));
        if (lookup.found == Found::done) {
          ASSERT_EQ(lookup.offset, model.keys[name].offset);
        }
        ++seen[lookup.found];
      }
      if (below(100) == 0) {
        const std::size_t at_most = below(20);
        const std::size_t expected = std::min(at_most, model.expired(now_ms));
        const std::vector<std::string> gone = expire(keys, now_ms, at_most);
        ASSERT_EQ(gone.size(), expected);
        for (const std::string& each : gone) ASSERT_TRUE(model.expire(each, now_ms)) << each;
      }
      ASSERT_EQ(keys.size(), model.keys.size());
    }
    std::size_t done = 0;
    keys.for_each_done([&](const IdempotencyKey& key, std::uint64_t offset, std::int64_t expires_ms) {
      const auto known = model.keys.find({std::string(key.channel), std::string(key.scope), std::string(key.key)});
      ASSERT_NE(known, model.keys.end());
      EXPECT_EQ(key.channel_hash, hash_of(key.channel));
      EXPECT_FALSE(known->second.pending);
      EXPECT_EQ(offset, known->second.offset);
      EXPECT_EQ(expires_ms, known->second.expires_ms);
      ++done;
    });
    std::size_t expected = 0;
    for (const auto& [name, state] : model.keys) expected += state.pending ? 0 : 1;
    EXPECT_EQ(done, expected);
    for (const Found found : {Found::fresh, Found::renewed, Found::pending, Found::done, Found::full}) {
      EXPECT_GT(seen[found], 10U) << static_cast<int>(found);
    }
  }
}

}  // namespace
}  // namespace crier::hub
