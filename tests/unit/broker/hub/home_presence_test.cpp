// Who is in a channel, and what those who watch it are told.
#include "tests/unit/broker/hub/home_fixture.hpp"

namespace crier::hub {
namespace {

class HomePresenceTest : public HomeTest {
 protected:
  static constexpr auto small = "small:a";  // watchers get counts above four members

  // Members 1 to n, of whom the first one watches.
  void gather(std::uint32_t n) {
    subscribe(1, small, 1, {.watch = true});
    for (std::uint32_t member = 2; member <= n; ++member) subscribe(2, small, member);
    home().end_turn();
    lines.take();
  }
  void ask_for_members(std::optional<SessionId> after) {
    handle(0,
           PresenceRequest{
               .session = {4, 5}, .tag = single(), .channel_hash = hash_of(small), .channel = small, .after = after});
  }
  std::string members() {
    lines.take();
    ask_for_members(std::nullopt);
    return lines.take_one().substr(19);
  }
};

TEST_F(HomePresenceTest, Tells_watchers_of_a_join_before_the_newcomer_has_its_answer) {
  subscribe(1, "a", 1, {.watch = true});
  EXPECT_EQ(lines.take(), Text{"1 subscribed ep:0 a serial 1 for 4.5 members 1 of 1"});
  subscribe(2, "a", 2, {.watch = true});
  EXPECT_EQ(lines.take(), (Text{"1 join a 2", "2 join a 2", "2 subscribed ep:0 a serial 2 for 4.5 members 1,2 of 2"}));
  subscribe(3, "a", 3);
  EXPECT_EQ(lines.take(), (Text{"1 join a 3", "2 join a 3", "3 join a 3", "3 subscribed ep:0 a serial 3 for 4.5"}));
  EXPECT_EQ(metrics.members.value(), 3);
}

TEST_F(HomePresenceTest, Tells_nobody_where_nobody_watches) {
  subscribe(1, "a", 1);
  subscribe(2, "a", 2);
  unsubscribe(1, "a", 1);
  EXPECT_EQ(lines.take(), (Text{"1 subscribed ep:0 a serial 1 for 4.5", "2 subscribed ep:0 a serial 2 for 4.5"}));
  subscribe(1, "a", 3, {.watch = true});
  EXPECT_EQ(lines.take().back(), "1 subscribed ep:0 a serial 3 for 4.5 members 2,3 of 2");
  unsubscribe(1, "a", 3, {.watch = true});
  lines.take();
  unsubscribe(2, "a", 2);
  EXPECT_EQ(lines.take(), Text{}) << "the watcher is gone";
}

TEST_F(HomePresenceTest, Has_no_members_where_the_namespace_has_none) {
  subscribe(1, plain, 1, {.watch = true});
  subscribe(1, plain, 2);
  EXPECT_EQ(lines.take(),
            (Text{"1 subscribed nowhere plain:a serial 1 for 4.5", "1 subscribed nowhere plain:a serial 2 for 4.5"}));
  EXPECT_EQ(metrics.members.value(), 0);
}

TEST_F(HomePresenceTest, Keeps_a_session_a_member_that_subscribes_anew_before_its_first_end_has_come) {
  subscribe(1, "a", 1, {.watch = true});
  subscribe(2, "a", 2, {.member = 7});
  lines.take();
  subscribe(2, "a", 3, {.member = 7});
  EXPECT_EQ(lines.take(), Text{"2 subscribed ep:0 a serial 3 for 4.5"});
  unsubscribe(2, "a", 2, {.member = 7});
  EXPECT_EQ(lines.take(), Text{});
  EXPECT_EQ(metrics.members.value(), 2);
  unsubscribe(2, "a", 3, {.member = 7});
  EXPECT_EQ(lines.take(), Text{"1 leave a 7"});
  EXPECT_EQ(metrics.members.value(), 1);
}

TEST_F(HomePresenceTest, Gives_counts_once_a_turn_above_the_limit_and_all_members_when_a_quarter_is_free_again) {
  gather(4);
  subscribe(2, small, 5);
  subscribe(2, small, 6);
  unsubscribe(2, small, 6);
  subscribe(2, small, 7);
  EXPECT_EQ(lines.take().size(), 3U) << "answers alone";
  home().end_turn();
  EXPECT_EQ(lines.take(), (Text{"1 count small:a 6", "2 count small:a 6"}));
  home().end_turn();
  EXPECT_EQ(lines.take(), Text{});
  unsubscribe(2, small, 7);
  unsubscribe(2, small, 5);
  home().end_turn();
  EXPECT_EQ(lines.take(), (Text{"1 count small:a 4", "2 count small:a 4"})) << "still counts at the limit";
  unsubscribe(2, small, 4);
  EXPECT_EQ(lines.take(), (Text{"1 list small:a 1,2,3 of 3", "2 list small:a 1,2,3 of 3"}));
  subscribe(2, small, 8);
  EXPECT_EQ(lines.take()[0], "1 join small:a 8") << "single ones again";
}

TEST_F(HomePresenceTest, Says_no_count_any_more_when_the_same_turn_brought_the_list) {
  gather(5);
  unsubscribe(2, small, 5);
  unsubscribe(2, small, 4);
  EXPECT_EQ(lines.take(), (Text{"1 list small:a 1,2,3 of 3", "2 list small:a 1,2,3 of 3"}));
  home().end_turn();
  EXPECT_EQ(lines.take(), Text{});
}

TEST_F(HomePresenceTest, May_forget_a_channel_whose_count_was_due) {
  config.namespaces["small"].history.messages = 0;
  gather(5);
  subscribe(2, small, 6);
  for (std::uint32_t member = 2; member <= 6; ++member) unsubscribe(2, small, member);
  unsubscribe(1, small, 1, {.watch = true});
  lines.take();
  home().end_turn();
  EXPECT_EQ(lines.take(), Text{});
  EXPECT_EQ(metrics.channels.value(), 0);
  EXPECT_EQ(metrics.members.value(), 0);
}

TEST_F(HomePresenceTest, Lists_members_in_pages_and_nobody_where_there_is_no_channel) {
  EXPECT_EQ(members(), " of 0");
  gather(3);
  EXPECT_EQ(members(), "1,2,3 of 3");
  ask_for_members(SessionId{1, 0});
  EXPECT_EQ(lines.take_one(), "0 presence small:a 2,3 of 3");
  // More than a reply holds.
  for (std::uint32_t member = 10; member < 10'010; ++member) subscribe(2, small, member);
  const std::string page = members();
  EXPECT_LT(std::count(page.begin(), page.end(), ','), 10'000);
  EXPECT_NE(page.find(" of 10003 and more"), std::string::npos);
}

// A home that asks its engine answers a subscription late, and a younger one of the same session before it.
TEST_F(HomePresenceTest, Keeps_a_member_whose_older_subscription_is_answered_after_its_younger_one) {
  engine.keeps_history = true;
  fill("few:a", 5);
  subscribe(1, "few:a", 1, {.watch = true});
  lines.take();
  subscribe(2, "few:a", 2, {.since = Position{"ep", 1}, .member = 7});
  subscribe(2, "few:a", 3, {.member = 7});
  EXPECT_EQ(lines.take(), (Text{"1 join few:a 7", "2 join few:a 7", "2 subscribed ep:5 few:a serial 3 for 4.5"}));
  engine.give({.floor = 1, .messages = {}, .complete = true});
  EXPECT_EQ(lines.take_one().substr(0, 36), "2 subscribed ep:1 few:a serial 2 for");
  unsubscribe(2, "few:a", 2, {.member = 7});  // nobody waited for it any more
  EXPECT_EQ(lines.take(), Text{}) << "the session is still there";
  EXPECT_EQ(metrics.members.value(), 2);
  unsubscribe(2, "few:a", 3, {.member = 7});
  EXPECT_EQ(lines.take(), Text{"1 leave few:a 7"});
  EXPECT_EQ(metrics.members.value(), 1);
}

TEST_F(HomePresenceTest, Lets_both_of_a_session_s_subscriptions_end_in_any_order) {
  engine.keeps_history = true;
  fill("few:a", 5);
  subscribe(2, "few:a", 2, {.since = Position{"ep", 1}, .member = 7});
  subscribe(2, "few:a", 3, {.member = 7});
  engine.give({.floor = 1, .messages = {}, .complete = true});
  unsubscribe(2, "few:a", 3, {.member = 7});
  unsubscribe(2, "few:a", 2, {.member = 7});
  EXPECT_EQ(metrics.members.value(), 0);
  EXPECT_EQ(metrics.channels.value(), 0);
}

}  // namespace
}  // namespace crier::hub
