// Listing the channels of all shards, and ending sessions and subscriptions wherever they are.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/fake_world.hpp"

namespace crier::hub {
namespace {

using testing::FakeWorld;

// A session that subscribes, that can be meant by a directive, and that can give some.
class Actor final : public Subscriber {
 public:
  Actor(FakeWorld& world, std::size_t shard, std::uint64_t name, std::string user = {})
      : shard_(world.shard(shard)), user_(std::move(user)) {
    id_ = {name, ~name};
    ref_ = shard_.attach(*this);
  }
  ~Actor() {
    while (!subscriptions_.empty()) EXPECT_TRUE(on_kick(subscriptions_.begin()->first));
    shard_.detach(ref_);
  }

  void subscribe(const std::string& channel) {
    subscriptions_[channel] = &shard_.subscribe(*this, ref_, channel, Shard::SubscribeOptions{});
  }
  void subscribe_pattern(const std::string& pattern) {
    subscriptions_[pattern] = &shard_.subscribe_pattern(*this, ref_, pattern);
  }
  void publish(const std::string& channel) {
    shard_.publish(ref_, MessageDraft(channel, hash_of(channel), "1", {}), {});
  }
  void disconnect(std::string user, std::optional<SessionId> session = std::nullopt) {
    shard_.direct(ref_, single(), {.session = session, .user = std::move(user), .channel = {}});
  }
  void kick(std::string user, std::string channel, std::optional<SessionId> session = std::nullopt) {
    shard_.direct(ref_, single(),
                  {.kind = DirectiveRequest::Kind::kick,
                   .session = session,
                   .user = std::move(user),
                   .channel = std::move(channel)});
  }
  void list(ListingPlace from, std::uint64_t limit = 1'000'000, std::string pattern = {},
            std::shared_ptr<const ChannelFilter> filter = nullptr, std::uint32_t steps = 0) {
    auto listing = std::make_unique<ChannelListing>();
    listing->session = ref_;
    listing->tag = single();
    listing->pattern = std::move(pattern);
    listing->filter = std::move(filter);
    listing->limit = limit;
    listing->next = from;
    listing->steps = steps;
    shard_.list_channels(std::move(listing));
  }

  [[nodiscard]] std::string_view user() const noexcept override { return user_; }
  [[nodiscard]] bool on_disconnect() override { return ++disconnects == 1; }
  [[nodiscard]] bool on_kick(std::string_view channel) override {
    const auto found = subscriptions_.find(channel);
    if (found == subscriptions_.end()) return false;
    shard_.unsubscribe(*found->second);
    subscriptions_.erase(found);
    return true;
  }
  void on_channels(ChannelListing& listing) override {
    EXPECT_EQ(listing.tag.id, single().id);
    pages.push_back(std::move(listing));
  }
  void on_directed(DirectiveOutcome& outcome) override {
    EXPECT_EQ(outcome.tag.id, single().id);
    const bool kick = outcome.kind == DirectiveRequest::Kind::kick;
    outcomes.push_back((kick ? "kicked " : "disconnected ") + std::to_string(outcome.count));
  }
  void on_credit(std::size_t bytes) override { credit += bytes; }
  [[nodiscard]] bool on_subscribed(SubscribeAnswer& answer) override {
    const auto found = subscriptions_.find(answer.channel);
    if (found == subscriptions_.end() || found->second->serial != answer.serial) return false;
    shard_.make_live(*found->second);
    return true;
  }
  void on_pattern(Subscription& /*subscription*/, const Error* refused) override { EXPECT_EQ(refused, nullptr); }
  void deliver(const ChunkPtr& /*chunk*/) override {}
  void on_lost(const Subscription& /*subscription*/) override {}
  void on_fetched(FetchAnswer& /*answer*/) override {}
  void on_history(HistoryAnswer& /*answer*/) override {}
  void on_presence(PresenceAnswer& /*answer*/) override {}
  void on_published(PublishAnswer& /*answer*/) override {}
  void on_epoch_change(Subscription& /*subscription*/, const command::Position& /*position*/) override {}

  std::vector<std::string> outcomes;
  std::vector<ChannelListing> pages;
  std::size_t credit = 0;
  int disconnects = 0;

 private:
  static ReplyTag single() { return {ReplyTag::Kind::single, 0, 0, command::CommandId{std::string("one")}}; }

  Shard& shard_;
  SessionRef ref_;
  std::string user_;
  std::map<std::string, Subscription*, std::less<>> subscriptions_;
};

using Outcomes = std::vector<std::string>;

class ShardManageTest : public ::testing::Test {
 protected:
  ShardManageTest() { config.namespaces["bare"].history.messages = 0; }
  void settle() { ASSERT_TRUE(world.settle()); }

  // All pages of a listing, "name=subscriptions" in the order of the names. `between`: done after each page.
  template <class Between>
  std::vector<std::string> list_all(std::uint64_t limit, const std::string& pattern, Between between) {
    std::vector<std::string> all;
    std::optional<ListingPlace> next = ListingPlace{};
    while (next) {
      service.list(*next, limit, pattern);
      settle();
      const ChannelListing& page = service.pages.back();
      EXPECT_LE(page.entries.size(), limit);
      for (const auto& entry : page.entries) {
        all.push_back(entry.channel + "=" + std::to_string(entry.subscriptions));
      }
      next = page.next;
      between();
    }
    std::sort(all.begin(), all.end());
    return all;
  }
  std::vector<std::string> list_all(std::uint64_t limit = 1'000'000, const std::string& pattern = {}) {
    return list_all(limit, pattern, [] {});
  }

  config::Config config;
  FakeWorld world{{.shards = 3, .config = &config}};
  Actor service{world, 0, 100};
};

// --- directives

TEST_F(ShardManageTest, Disconnects_a_users_sessions_on_all_shards_and_answers_once_with_their_number) {
  Actor first(world, 0, 1, "ann");
  Actor second(world, 1, 2, "ann");
  Actor third(world, 1, 3, "ann");
  Actor other(world, 2, 4, "bob");
  service.disconnect("ann");
  settle();
  EXPECT_EQ(service.outcomes, (Outcomes{"disconnected 3"}));
  EXPECT_EQ(service.credit, 3 * request_bytes) << "a part for each shard";
  EXPECT_EQ(first.disconnects + second.disconnects + third.disconnects, 3);
  EXPECT_EQ(other.disconnects, 0);
  EXPECT_EQ(service.disconnects, 0) << "a session of nobody was taken for a user's";
}

TEST_F(ShardManageTest, Does_not_count_what_ends_anyway) {
  Actor ann(world, 2, 1, "ann");
  service.disconnect("ann");
  service.disconnect("ann");
  service.disconnect("carl");
  settle();
  EXPECT_EQ(service.outcomes, (Outcomes{"disconnected 1", "disconnected 0", "disconnected 0"}));
}

TEST_F(ShardManageTest, Disconnects_the_one_session_of_an_id_and_even_the_one_that_asks) {
  Actor ann(world, 1, 1, "ann");
  Actor same(world, 1, 2, "ann");
  service.disconnect({}, ann.id());
  service.disconnect({}, service.id());
  service.disconnect({}, SessionId{0, 0});
  settle();
  EXPECT_EQ(service.outcomes, (Outcomes{"disconnected 1", "disconnected 1", "disconnected 0"}));
  EXPECT_EQ(ann.disconnects, 1);
  EXPECT_EQ(same.disconnects, 0);
  EXPECT_EQ(service.disconnects, 1);
}

TEST_F(ShardManageTest, Kicks_by_the_very_name_of_a_channel_or_a_pattern) {
  Actor here(world, 0, 1, "ann");
  Actor there(world, 2, 2, "ann");
  for (Actor* const ann : {&here, &there}) {
    ann->subscribe("chat:room.1");
    ann->subscribe("chat:room.2");
    ann->subscribe_pattern("chat:room.*");
  }
  settle();
  service.kick("ann", "chat:room.1");
  settle();
  EXPECT_EQ(world.subscriptions(), 4);
  service.kick("ann", "chat:room.*");
  service.kick({}, "chat:room.2", there.id());
  service.kick("ann", "chat:room.1");
  settle();
  EXPECT_EQ(service.outcomes, (Outcomes{"kicked 2", "kicked 2", "kicked 1", "kicked 0"}));
  EXPECT_EQ(world.subscriptions(), 1);
}

TEST_F(ShardManageTest, Kicks_what_its_own_session_has_asked_for_just_before) {
  for (std::size_t home = 0; home < 3; ++home) {
    service.subscribe(world.channel_at(home));
    service.kick({}, world.channel_at(home), service.id());
  }
  service.subscribe_pattern("a.*");
  service.kick({}, "a.*", service.id());
  settle();
  EXPECT_EQ(service.outcomes, (Outcomes{"kicked 1", "kicked 1", "kicked 1", "kicked 1"}));
  EXPECT_EQ(world.subscriptions(), 0);
  EXPECT_EQ(world.channels(), 0) << "a home counts a subscription that has ended";
}

TEST_F(ShardManageTest, Carries_a_directive_out_though_whoever_gave_it_has_gone) {
  Actor ann(world, 2, 1, "ann");
  auto gone = std::make_unique<Actor>(world, 1, 7);
  gone->disconnect("ann");
  gone->list({});
  gone.reset();
  settle();
  EXPECT_EQ(ann.disconnects, 1);
}

// --- the listing

TEST_F(ShardManageTest, Lists_what_has_subscribers_or_history_with_the_exact_subscriptions_of_all_shards) {
  Actor one(world, 1, 1);
  Actor two(world, 2, 2);
  one.subscribe("a");
  two.subscribe("a");
  service.subscribe("a");
  two.subscribe("bare:b");
  two.subscribe_pattern("c.*");
  service.publish("c.d");     // leaves a history
  service.publish("bare:e");  // leaves nothing
  one.subscribe("f");
  settle();
  one.kick({}, "f", one.id());  // ended without a message: it is not there any more
  settle();
  EXPECT_EQ(list_all(), (Outcomes{"a=3", "bare:b=1", "c.d=0"}));
  EXPECT_EQ(service.pages.size(), 1U);
}

TEST_F(ShardManageTest, Leaves_out_a_channel_whose_history_has_grown_too_old) {
  service.publish("a");
  settle();
  EXPECT_EQ(list_all(), (Outcomes{"a=0"}));
  world.pass(config.settings_of("").history.age.count() + 1);
  EXPECT_EQ(list_all(), Outcomes{});
}

TEST_F(ShardManageTest, Never_lists_what_is_our_own) {
  service.subscribe(std::string(internal_channel_prefix) + "0");
  settle();
  EXPECT_EQ(list_all(), Outcomes{});
}

TEST_F(ShardManageTest, Lists_by_pattern_within_its_namespace_or_by_name) {
  for (const std::string name : {"news.uk", "news.fr", "news", "chat:news.uk", "chat:a"}) service.subscribe(name);
  settle();
  EXPECT_EQ(list_all(1000, "news.*"), (Outcomes{"news.fr=1", "news.uk=1"}));
  EXPECT_EQ(list_all(1000, "chat:>"), (Outcomes{"chat:a=1", "chat:news.uk=1"}));
  EXPECT_EQ(list_all(1000, "news"), (Outcomes{"news=1"}));
  EXPECT_EQ(list_all(1000, "nothing"), Outcomes{});
}

TEST_F(ShardManageTest, Lists_only_what_the_filter_admits) {
  struct NoSecrets final : ChannelFilter {
    [[nodiscard]] bool admits(std::string_view channel) const override { return !channel.starts_with("secret"); }
  };
  service.subscribe("secret.a");
  service.subscribe("open.a");
  settle();
  service.list({}, 1000, {}, std::make_shared<NoSecrets>());
  settle();
  ASSERT_EQ(service.pages.back().entries.size(), 1U);
  EXPECT_EQ(service.pages.back().entries[0].channel, "open.a");
}

TEST_F(ShardManageTest, Pages_through_all_channels_without_missing_or_repeating_one) {
  Outcomes expected;
  for (int i = 0; i < 500; ++i) {
    service.subscribe("n" + std::to_string(i));
    expected.push_back("n" + std::to_string(i) + "=1");
  }
  std::sort(expected.begin(), expected.end());
  settle();
  for (const std::uint64_t limit : {1U, 7U, 499U, 500U, 501U}) EXPECT_EQ(list_all(limit), expected) << limit;
  EXPECT_EQ(service.credit % list_bytes_max, (500 * request_bytes) % list_bytes_max) << "a listing's credit is missing";
}

TEST_F(ShardManageTest, Misses_and_repeats_none_while_others_come_and_go) {
  Outcomes expected;
  for (int i = 0; i < 300; ++i) {
    service.subscribe("stays." + std::to_string(i));
    expected.push_back("stays." + std::to_string(i) + "=1");
  }
  std::sort(expected.begin(), expected.end());
  settle();
  // The homes' tables grow to many times their size, and shrink again.
  Actor other(world, 1, 1, "ann");
  int number = 0;
  const std::vector<std::string> all = list_all(10, "stays.*", [&] {
    const int page = static_cast<int>(service.pages.size());
    for (int i = 0; page <= 15 && i < 400; ++i) other.subscribe("bare:x." + std::to_string(number++));
    for (int i = 0; page > 15 && number > 0 && i < 500; ++i) {
      EXPECT_TRUE(other.on_kick("bare:x." + std::to_string(--number)));
    }
    settle();
  });
  EXPECT_EQ(all, expected);
}

TEST_F(ShardManageTest, Ends_a_page_before_its_reply_is_too_long) {
  // Each name as long as may be: 255 bytes.
  for (int i = 0; i < 2000; ++i) service.subscribe(std::string(250, 'x') + "." + std::to_string(1000 + i));
  settle();
  EXPECT_EQ(list_all().size(), 2000U);
  ASSERT_GE(service.pages.size(), 3U);
  for (const ChannelListing& page : service.pages) {
    std::size_t bytes = 0;
    for (const auto& entry : page.entries) {
      bytes += (R"({"channel":"","subscribers":},)" + entry.channel + std::to_string(entry.subscriptions)).size();
    }
    EXPECT_LE(bytes, list_bytes_max - 200) << "no room for what stands around the entries";
  }
  EXPECT_GT(service.pages[0].entries.size(), 800U) << "the page is half empty";
}

TEST_F(ShardManageTest, Walks_through_many_channels_in_steps_between_which_others_have_their_turn) {
  for (int i = 0; i < 30'000; ++i) service.subscribe("bare:n" + std::to_string(i));
  settle();
  const std::size_t credit = service.credit;
  service.list({}, 1'000'000, "none.*");
  settle();
  ASSERT_EQ(service.pages.size(), 1U);
  EXPECT_TRUE(service.pages[0].entries.empty());
  EXPECT_FALSE(service.pages[0].next);
  EXPECT_GE(service.pages[0].steps, 9U) << "three homes with 16,384 slots each";
  EXPECT_EQ(service.credit - credit, list_bytes_max) << "once, when it was over";
}

TEST_F(ShardManageTest, Answers_with_what_it_has_when_a_walk_grows_too_long) {
  service.list({}, 1000, "none.*", nullptr, /*steps=*/1000);
  settle();
  ASSERT_EQ(service.pages.size(), 1U);
  EXPECT_EQ(service.pages[0].next, (ListingPlace{1, 0})) << "a listing went on beyond its steps";
}

TEST(ListingPlace, Is_a_cursor_of_this_process_and_of_so_many_shards) {
  const ListingPlace at{2, 0xFEDCBA9876543210};
  EXPECT_EQ(ListingPlace::parse(at.text(), 3), at);
  EXPECT_EQ(ListingPlace::parse(at.text(), 2), std::nullopt) << "there is no such shard";
  for (std::size_t i = 0; i < at.text().size(); ++i) {
    std::string text = at.text();
    EXPECT_EQ(ListingPlace::parse(text.substr(0, i), 3), std::nullopt);
    text[i] = 'x';
    EXPECT_EQ(ListingPlace::parse(text, 3), std::nullopt) << text;
  }
  EXPECT_EQ(ListingPlace::parse(at.text() + "0", 3), std::nullopt);
  EXPECT_EQ(ListingPlace::parse("00000000" + at.text().substr(8), 3), std::nullopt) << "another process' mark";
}

}  // namespace
}  // namespace crier::hub
