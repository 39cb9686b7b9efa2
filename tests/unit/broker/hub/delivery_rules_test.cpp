// Interleavings that defeat a careless reading of "subscribe, then hear everything", each told as a story.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/fake_subscriber.hpp"

namespace crier::testing {
namespace {

using Data = std::vector<std::string>;

// Calls story(hall, home, away) for 1 to 4 shards and many orders of events: the channel's home, and the
// shard of those who subscribe, which may be the same.
template <class Story>
void for_every_world(Story story) {
  for (hub::ShardId shards = 1; shards <= 4; ++shards) {
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
      SCOPED_TRACE("shards " + std::to_string(shards) + ", seed " + std::to_string(seed));
      FakeHall hall({.shards = shards, .seed = seed});
      story(hall, seed % shards, hall.world.chance().below(shards));
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// Lets anything from nothing to everything of what is under way happen.
void some_steps(FakeWorld& world) {
  for (std::size_t left = world.chance().below(8); left > 0 && world.step(); --left) {
  }
}

// Everybody has left: no home may remember a channel.
void expect_all_forgotten(FakeHall& hall) {
  for (const auto& subscriber : hall.subscribers) {
    if (!subscriber->dead()) subscriber->die();
  }
  ASSERT_TRUE(hall.world.settle());
  EXPECT_EQ(hall.world.channels(), 0);
  EXPECT_EQ(hall.world.subscriptions(), 0);
}

TEST(DeliveryRules, A_subscriber_still_hears_when_the_last_live_one_of_its_shard_leaves_before_its_own_answer) {
  for_every_world([](FakeHall& hall, std::size_t home, std::size_t away) {
    const std::string channel = hall.world.channel_at(home);
    FakeSubscriber& first = hall.enter(away);
    FakeSubscriber& second = hall.enter(away);
    FakeSubscriber& publisher = hall.enter(home);
    first.subscribe(channel);
    ASSERT_TRUE(hall.world.settle());
    second.subscribe(channel);
    some_steps(hall.world);
    if (hall.world.chance().one_in(2)) {
      first.unsubscribe(channel);
    } else {
      first.die();
    }
    ASSERT_TRUE(hall.world.settle());
    publisher.publish(channel, "1");
    ASSERT_TRUE(hall.world.settle());
    EXPECT_EQ(second.data(), Data{"1"});
    EXPECT_EQ(first.data(), Data{});
    expect_all_forgotten(hall);
  });
}

TEST(DeliveryRules, Subscribe_unsubscribe_subscribe_before_the_first_answer_leaves_one_subscription) {
  for_every_world([](FakeHall& hall, std::size_t home, std::size_t away) {
    const std::string channel = hall.world.channel_at(home);
    FakeSubscriber& subscriber = hall.enter(away);
    FakeSubscriber& publisher = hall.enter(hall.world.chance().below(hall.world.shard_count()));
    const std::size_t dropped = subscriber.subscribe(channel);
    if (hall.world.shard_count() > 1 && away != home) hall.world.turn_alone(away);  // the request is on its way
    subscriber.unsubscribe(channel);
    const std::size_t kept = subscriber.subscribe(channel);
    some_steps(hall.world);
    publisher.publish(channel, "1");
    ASSERT_TRUE(hall.world.settle());
    publisher.publish(channel, "2");
    ASSERT_TRUE(hall.world.settle());
    EXPECT_FALSE(subscriber.stays()[dropped].start);
    EXPECT_EQ(subscriber.data(dropped), Data{});
    EXPECT_EQ(subscriber.stale_answers(), 1U);
    ASSERT_TRUE(subscriber.stays()[kept].start);
    // "1" may have gone before the answer; nothing may come twice.
    const Data heard = subscriber.data(kept);
    EXPECT_TRUE(heard == Data{"2"} || heard == (Data{"1", "2"})) << heard.size();
    EXPECT_EQ(hall.world.channels(), 1);
    subscriber.unsubscribe(channel);
    ASSERT_TRUE(hall.world.settle());
    EXPECT_EQ(hall.world.channels(), 0) << "the home still counts the subscription whose answer came too late";
    expect_all_forgotten(hall);
  });
}

TEST(DeliveryRules, The_session_that_gets_a_dead_ones_slot_gets_nothing_that_was_meant_for_it) {
  for_every_world([](FakeHall& hall, std::size_t home, std::size_t away) {
    const std::string channel = hall.world.channel_at(home);
    const std::string other = hall.world.channel_at(home, 1);
    FakeSubscriber& dead = hall.enter(away);
    dead.subscribe(channel);
    dead.publish(other, "1");
    dead.publish(other, "2", /*silent=*/true);
    some_steps(hall.world);
    dead.die();
    FakeSubscriber& heir = hall.enter(away);
    ASSERT_EQ(heir.ref().slot, dead.ref().slot);
    ASSERT_NE(heir.ref().generation, dead.ref().generation);
    ASSERT_TRUE(hall.world.settle());
    EXPECT_EQ(heir.stale_answers(), 0U);
    EXPECT_TRUE(heir.acknowledged().empty());
    EXPECT_EQ(hall.world.channels(), 0) << "the dead session's subscription is still counted";
    heir.subscribe(other);
    ASSERT_TRUE(hall.world.settle());
    FakeSubscriber& publisher = hall.enter(home);
    publisher.publish(channel, "3");
    publisher.publish(other, "4");
    ASSERT_TRUE(hall.world.settle());
    EXPECT_EQ(heir.data(), Data{"4"});
    expect_all_forgotten(hall);
  });
}

TEST(DeliveryRules, A_subscription_hears_what_its_home_took_after_it_and_nothing_from_before) {
  for_every_world([](FakeHall& hall, std::size_t home, std::size_t away) {
    const std::string channel = hall.world.channel_at(home);
    FakeSubscriber& old_one = hall.enter(away);
    FakeSubscriber& new_one = hall.enter(away);
    old_one.subscribe(channel);
    ASSERT_TRUE(hall.world.settle());
    // All in one turn of one shard: publish, subscribe, publish.
    old_one.publish(channel, "1");
    new_one.subscribe(channel);
    old_one.publish(channel, "2");
    ASSERT_TRUE(hall.world.settle());
    EXPECT_EQ(old_one.data(), (Data{"1", "2"}));
    EXPECT_EQ(new_one.data(), Data{"2"});
    ASSERT_EQ(old_one.acknowledged().size(), 2U);
    EXPECT_EQ(new_one.stays()[0].start, old_one.acknowledged()[0].offset);
    expect_all_forgotten(hall);
  });
}

TEST(DeliveryRules, Who_unsubscribes_in_the_middle_of_a_turn_hears_nothing_more_and_the_others_everything) {
  for_every_world([](FakeHall& hall, std::size_t home, std::size_t away) {
    const std::string channel = hall.world.channel_at(home);
    FakeSubscriber& stays = hall.enter(away);
    FakeSubscriber& leaves = hall.enter(away);
    FakeSubscriber& dies = hall.enter(away);
    for (FakeSubscriber* one : {&stays, &leaves, &dies}) one->subscribe(channel);
    ASSERT_TRUE(hall.world.settle());
    // The acknowledgement of "2" lies between "2" and "3" in the batch that brings them.
    stays.when_acknowledged = [&](const Heard& heard) {
      if (heard.data == "2") leaves.unsubscribe(channel);
      if (heard.data == "3") dies.unsubscribe(channel);
    };
    for (const char* data : {"1", "2", "3", "4"}) stays.publish(channel, data);
    ASSERT_TRUE(hall.world.settle());
    EXPECT_EQ(stays.data(), (Data{"1", "2", "3", "4"}));
    EXPECT_EQ(leaves.data(), (Data{"1", "2"}));
    EXPECT_EQ(dies.data(), (Data{"1", "2", "3"}));
    expect_all_forgotten(hall);
  });
}

TEST(DeliveryRules, Who_comes_back_in_the_middle_of_a_turn_hears_each_message_once) {
  for_every_world([](FakeHall& hall, std::size_t home, std::size_t away) {
    const std::string channel = hall.world.channel_at(home);
    FakeSubscriber& publisher = hall.enter(away);
    FakeSubscriber& returns = hall.enter(away);
    publisher.subscribe(channel);
    returns.subscribe(channel);
    ASSERT_TRUE(hall.world.settle());
    publisher.when_acknowledged = [&](const Heard& heard) {
      if (heard.data != "2") return;
      returns.unsubscribe(channel);
      returns.subscribe(channel);
    };
    for (const char* data : {"1", "2", "3"}) publisher.publish(channel, data);
    ASSERT_TRUE(hall.world.settle());
    publisher.publish(channel, "4");
    ASSERT_TRUE(hall.world.settle());
    EXPECT_EQ(returns.data(0), (Data{"1", "2"}));
    EXPECT_EQ(returns.data(1), Data{"4"});
    EXPECT_EQ(publisher.data(), (Data{"1", "2", "3", "4"}));
    expect_all_forgotten(hall);
  });
}

TEST(DeliveryRules, A_channel_that_is_forgotten_and_comes_back_never_reuses_an_offset) {
  for_every_world([](FakeHall& hall, std::size_t home, std::size_t away) {
    const std::string channel = hall.world.channel_at(home);
    FakeSubscriber& subscriber = hall.enter(away);
    std::uint64_t top = 0;
    for (std::size_t life = 0; life < 4; ++life) {
      subscriber.subscribe(channel);
      ASSERT_TRUE(hall.world.settle());
      ASSERT_TRUE(subscriber.stays()[life].start);
      EXPECT_GE(*subscriber.stays()[life].start, top);
      subscriber.publish(channel, "1");
      ASSERT_TRUE(hall.world.settle());
      ASSERT_EQ(subscriber.heard(life).size(), 1U);
      EXPECT_GT(subscriber.heard(life)[0].offset, top);
      top = subscriber.heard(life)[0].offset;
      subscriber.unsubscribe(channel);
      ASSERT_TRUE(hall.world.settle());
      ASSERT_EQ(hall.world.channels(), 0);
      hall.world.pass(1'000'000);        // its history is too old, and the home forgets it
      subscriber.publish(channel, "2");  // nobody hears it; its offset is used all the same
      ASSERT_TRUE(hall.world.settle());
      EXPECT_GT(subscriber.acknowledged().back().offset, top);
      top = subscriber.acknowledged().back().offset;
      hall.world.pass(1'000'000);
    }
    expect_all_forgotten(hall);
  });
}

TEST(DeliveryRules, Who_comes_back_to_a_position_hears_exactly_what_came_behind_it_whatever_is_published_meanwhile) {
  for_every_world([](FakeHall& hall, std::size_t home, std::size_t away) {
    const std::string channel = hall.world.channel_at(home);
    FakeSubscriber& publisher = hall.enter(hall.world.chance().below(hall.world.shard_count()));
    FakeSubscriber& returns = hall.enter(away);
    int said = 0;
    const auto publish = [&](std::size_t times) {
      for (; times > 0; --times) publisher.publish(channel, std::to_string(++said));
    };
    returns.subscribe(channel);
    ASSERT_TRUE(hall.world.settle());
    publish(5);
    ASSERT_TRUE(hall.world.settle());
    for (std::size_t stay = 1; stay < 6; ++stay) {
      ASSERT_FALSE(returns.heard(stay - 1).empty());
      const std::uint64_t last = returns.heard(stay - 1).back().offset;
      const int heard = std::stoi(returns.heard(stay - 1).back().data);
      returns.unsubscribe(channel);
      publish(1 + hall.world.chance().below(8));
      some_steps(hall.world);
      returns.fetch_bytes = hall.world.chance().below(1500);
      returns.subscribe(channel, {.since = command::Position{"e", last}, .last = {}, .identity = {}, .watch = false});
      for (int i = 0; i < 4; ++i) {
        publish(hall.world.chance().below(4));
        some_steps(hall.world);
      }
      ASSERT_TRUE(hall.world.settle());
      EXPECT_EQ(returns.stays()[stay].recovered, true);
      EXPECT_EQ(returns.stays()[stay].start, last);
      Data expected;
      for (int number = heard + 1; number <= said; ++number) expected.push_back(std::to_string(number));
      EXPECT_EQ(returns.data(stay), expected);
    }
    expect_all_forgotten(hall);
  });
}

TEST(DeliveryRules, A_message_without_echo_reaches_all_but_its_publisher_and_one_that_excludes_all_but_the_excluded) {
  for_every_world([](FakeHall& hall, std::size_t home, std::size_t away) {
    const std::string channel = hall.world.channel_at(home);
    FakeSubscriber& publisher = hall.enter(away);
    FakeSubscriber& near = hall.enter(away);
    FakeSubscriber& far = hall.enter(hall.world.chance().below(hall.world.shard_count()));
    for (FakeSubscriber* one : {&publisher, &near, &far}) one->subscribe(channel);
    ASSERT_TRUE(hall.world.settle());
    publisher.publish(channel, "1");
    publisher.publish(channel, "2", false, {.echo_off = &publisher.id()});
    publisher.publish(channel, "3");
    publisher.publish(channel, "4", false, {.exclude = &near.id()});
    publisher.publish(channel, "5", false, {.echo_off = &publisher.id(), .exclude = &far.id()});
    publisher.publish(channel, "6");
    ASSERT_TRUE(hall.world.settle());
    EXPECT_EQ(publisher.data(), (Data{"1", "3", "4", "6"}));
    EXPECT_EQ(near.data(), (Data{"1", "2", "3", "5", "6"}));
    EXPECT_EQ(far.data(), (Data{"1", "2", "3", "4", "6"}));
    EXPECT_EQ(hall.world.delivered(), 14);
    expect_all_forgotten(hall);
  });
}

TEST(DeliveryRules, A_refused_subscription_is_counted_nowhere_and_may_be_tried_again) {
  for (hub::ShardId shards = 1; shards <= 4; ++shards) {
    FakeHall hall({.shards = shards, .seed = shards, .channels_max = 1});
    const std::string first = hall.world.channel_at(0, 0);
    const std::string second = hall.world.channel_at(0, 1);
    FakeSubscriber& subscriber = hall.enter(shards - 1U);
    subscriber.subscribe(first);
    ASSERT_TRUE(hall.world.settle());
    subscriber.subscribe(second);
    ASSERT_TRUE(hall.world.settle());
    EXPECT_EQ(subscriber.stays()[1].refused, ErrorCode::limit_exceeded);
    EXPECT_EQ(hall.world.channels(), 1);
    EXPECT_EQ(hall.world.subscriptions(), 1);
    FakeSubscriber& guest = hall.enter(0);
    guest.subscribe(first);  // a channel that is there already is no new one
    subscriber.subscribe(second);
    subscriber.unsubscribe(second);  // refused behind its back: home has nothing to take back
    ASSERT_TRUE(hall.world.settle());
    EXPECT_TRUE(guest.stays()[0].start);
    subscriber.unsubscribe(first);
    guest.unsubscribe(first);
    ASSERT_TRUE(hall.world.settle());
    hall.world.pass(1000);  // the home looks for room once a tick
    subscriber.subscribe(second);
    ASSERT_TRUE(hall.world.settle());
    EXPECT_TRUE(subscriber.stays()[3].start);
    expect_all_forgotten(hall);
  }
}

}  // namespace
}  // namespace crier::testing
