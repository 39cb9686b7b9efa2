// Promises 1 and 2 under random comings, goings and publishing, judged by what everybody heard together.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "tests/support/fake_subscriber.hpp"

namespace crier::testing {
namespace {

class RandomTraffic {
 public:
  RandomTraffic(hub::ShardId shards, std::uint64_t seed)
      : hall_({.shards = shards, .seed = seed, .inflight_bytes_max = 4000, .lane_bytes_max = 1000 + seed % 7 * 500}),
        chance_(hall_.world.chance()) {
    for (std::size_t id = 0; id < shards; ++id) {
      for (std::size_t number = 0; number < 2; ++number) channels_.push_back(hall_.world.channel_at(id, number));
    }
  }

  void run() {
    for (int action = 0; action < 250; ++action) {
      act();
      for (std::size_t steps = chance_.below(4); steps > 0; --steps) static_cast<void>(hall_.world.step());
    }
    ASSERT_TRUE(hall_.world.settle());
  }

  void check() {
    collect();
    EXPECT_EQ(hall_.world.published(), static_cast<std::int64_t>(published_));
    std::int64_t heard = 0;
    for (const auto& subscriber : hall_.subscribers) {
      for (const FakeSubscriber::Stay& stay : subscriber->stays()) {
        check_stay(*subscriber, stay);
        heard += static_cast<std::int64_t>(stay.heard.size());
      }
      // What a shard holds back for company is less than its share of half of the limit.
      if (subscriber->dead()) continue;
      EXPECT_LE(subscriber->inflight_bytes(), 2000U);
    }
    EXPECT_GT(heard, 0);
    check_publishers();
  }

  void check_that_all_is_forgotten_when_all_leave() {
    for (const auto& subscriber : hall_.subscribers) {
      if (!subscriber->dead()) subscriber->die();
    }
    ASSERT_TRUE(hall_.world.settle());
    EXPECT_EQ(hall_.world.channels(), 0);
    EXPECT_EQ(hall_.world.subscriptions(), 0);
    EXPECT_EQ(hall_.world.requests_waiting(), 0);
  }

 private:
  struct Sent {
    std::size_t publisher = 0;
    std::size_t number = 0;
    std::vector<const FakeSubscriber*> not_for;
  };

  void act() {
    std::vector<std::size_t> alive;
    for (std::size_t at = 0; at < hall_.subscribers.size(); ++at) {
      if (!hall_.subscribers[at]->dead()) alive.push_back(at);
    }
    if (alive.size() < 2 || (alive.size() < 10 && chance_.one_in(12))) {
      static constexpr hub::WireForm forms[] = {hub::WireForm::json, hub::WireForm::json_deflate_full,
                                                hub::WireForm::json_deflate_small};
      hall_.enter(chance_.below(hall_.world.shard_count()), forms[chance_.below(3)]);
      return;
    }
    const std::size_t who = alive[chance_.below(alive.size())];
    FakeSubscriber& subscriber = *hall_.subscribers[who];
    const std::string& channel = channels_[chance_.below(channels_.size())];
    switch (chance_.below(10)) {
      case 0:
        if (chance_.one_in(5)) subscriber.die();
        return;
      case 1:
      case 2:
      case 3:
        // Sometimes the answer to the first one is still to come when the second is asked for.
        if (subscriber.subscribed(channel)) subscriber.unsubscribe(channel);
        if (!chance_.one_in(3)) subscriber.subscribe(channel);
        return;
      default:
        for (std::size_t left = 1 + chance_.below(4); left > 0; --left) publish(who, channel);
    }
  }

  void publish(std::size_t who, const std::string& channel) {
    FakeSubscriber& publisher = *hall_.subscribers[who];
    Sent sent{who, ++published_, {}};
    hub::MessageOptions options;
    if (chance_.one_in(6)) {
      options.echo_off = &publisher.id();
      sent.not_for.push_back(&publisher);
    }
    if (chance_.one_in(6)) {
      const FakeSubscriber& other = *hall_.subscribers[chance_.below(hall_.subscribers.size())];
      options.exclude = &other.id();
      sent.not_for.push_back(&other);
    }
    const std::string padding(chance_.one_in(4) ? 400 : 0, 'x');
    const std::string data = '"' + std::to_string(published_) + padding + '"';
    sent_[data] = sent;
    publisher.publish(channel, data, /*silent=*/chance_.one_in(3), options);
  }

  // The order of each channel, as everybody together knows it.
  void collect() {
    const auto note = [this](const Heard& heard) {
      const auto [at, added] = order_[heard.channel].emplace(heard.offset, heard.data);
      EXPECT_EQ(at->second, heard.data) << "two messages have offset " << heard.offset << " of " << heard.channel;
      EXPECT_EQ(sent_.count(heard.data), 1U) << "nobody published " << heard.data;
    };
    for (const auto& subscriber : hall_.subscribers) {
      for (const Heard& heard : subscriber->acknowledged()) note(heard);
      for (const FakeSubscriber::Stay& stay : subscriber->stays()) {
        for (const Heard& heard : stay.heard) note(heard);
      }
    }
  }

  // A stay hears, from its start on, every message in the channel's order but those that were not for it;
  // to the very last one if it is still on.
  void check_stay(const FakeSubscriber& subscriber, const FakeSubscriber::Stay& stay) {
    if (!stay.start) {
      EXPECT_TRUE(stay.heard.empty());
      EXPECT_EQ(stay.subscription, nullptr) << "a subscription without an answer";
      return;
    }
    std::vector<Heard> expected;
    const auto& channel = order_[stay.channel];
    for (auto at = channel.upper_bound(*stay.start); at != channel.end(); ++at) {
      const auto& not_for = sent_[at->second].not_for;
      if (std::find(not_for.begin(), not_for.end(), &subscriber) != not_for.end()) continue;
      expected.push_back({stay.channel, at->first, at->second});
    }
    if (stay.subscription == nullptr && expected.size() > stay.heard.size()) expected.resize(stay.heard.size());
    EXPECT_EQ(stay.heard, expected);
  }

  void check_publishers() {
    for (const auto& [channel, messages] : order_) {
      std::map<std::size_t, std::size_t> last;
      for (const auto& [offset, data] : messages) {
        const Sent& sent = sent_[data];
        EXPECT_GT(sent.number, last[sent.publisher]) << "a publisher's messages changed places in " << channel;
        last[sent.publisher] = sent.number;
      }
    }
  }

  FakeHall hall_;
  Chance& chance_;
  std::vector<std::string> channels_;
  std::map<std::string, Sent> sent_;  // by data
  std::size_t published_ = 0;
  std::map<std::string, std::map<std::uint64_t, std::string>> order_;
};

// CRIER_SEEDS=n runs n seeds instead, CRIER_SEED=n that one alone.
std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(DeliveryOrder, All_hear_one_order_with_nothing_lost_or_twice_whatever_the_shards_do_when) {
  const std::uint64_t only = number_from("CRIER_SEED", 0);
  const std::uint64_t last = only != 0 ? only : number_from("CRIER_SEEDS", 15);
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= last; ++seed) {
    for (hub::ShardId shards = 1; shards <= 4; ++shards) {
      SCOPED_TRACE("shards " + std::to_string(shards) + ", CRIER_SEED=" + std::to_string(seed));
      RandomTraffic traffic(shards, seed);
      ASSERT_NO_FATAL_FAILURE(traffic.run());
      traffic.check();
      ASSERT_NO_FATAL_FAILURE(traffic.check_that_all_is_forgotten_when_all_leave());
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace crier::testing
