#include "broker/hub/member_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "protocol/command/json_codec.hpp"

namespace crier::hub {
namespace {

constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

SessionId session(std::uint64_t number) {
  return {number, number};
}

Member anonymous(std::uint64_t number) {
  return {session(number), nullptr};
}

Member named(std::uint64_t number, std::string user, std::string info_json = "") {
  return {session(number), std::make_shared<const Identity>(Identity{std::move(user), std::move(info_json)})};
}

std::vector<std::uint64_t> numbers(const std::vector<Member>& members) {
  std::vector<std::uint64_t> out;
  for (const Member& member : members) out.push_back(member.session.high);
  return out;
}

using Numbers = std::vector<std::uint64_t>;

Numbers page(const MemberList& list, const SessionId* after, std::size_t bytes_max, bool complete) {
  std::vector<Member> out;
  EXPECT_EQ(list.page(after, bytes_max, out), complete);
  return numbers(out);
}

TEST(MemberList, Knows_who_is_a_member) {
  MemberList list;
  EXPECT_TRUE(list.empty());
  EXPECT_FALSE(list.contains(session(1)));
  EXPECT_TRUE(list.add(named(1, "ann")));
  EXPECT_TRUE(list.contains(session(1)));
  EXPECT_FALSE(list.contains({1, 2}));
  EXPECT_FALSE(list.contains({2, 1}));
  EXPECT_EQ(list.size(), 1U);
}

TEST(MemberList, Leaves_a_member_as_it_was_when_its_session_joins_again) {
  MemberList list;
  EXPECT_TRUE(list.add(named(1, "ann")));
  EXPECT_FALSE(list.add(named(1, "bob")));
  EXPECT_EQ(list.size(), 1U);
  Member left;
  EXPECT_TRUE(list.remove(session(1), &left));
  EXPECT_EQ(left.session, session(1));
  EXPECT_EQ(left.identity->user, "ann");
}

TEST(MemberList, Removes_only_members) {
  MemberList list;
  Member left = anonymous(9);
  EXPECT_FALSE(list.remove(session(1), &left));
  EXPECT_EQ(left.session, session(9));
  EXPECT_TRUE(list.add(anonymous(1)));
  EXPECT_FALSE(list.remove(session(2)));
  EXPECT_TRUE(list.remove(session(1)));
  EXPECT_FALSE(list.remove(session(1)));
  EXPECT_TRUE(list.empty());
}

TEST(MemberList, Lists_members_in_the_order_of_their_sessions) {
  MemberList list;
  for (const std::uint64_t number : {5U, 1U, 4U, 2U, 3U}) list.add(anonymous(number));
  EXPECT_EQ(page(list, nullptr, all, true), (Numbers{1, 2, 3, 4, 5}));
  const SessionId member = session(3);
  EXPECT_EQ(page(list, &member, all, true), (Numbers{4, 5}));
  const SessionId gone{3, 2};  // a cursor may name who has left
  EXPECT_EQ(page(list, &gone, all, true), (Numbers{3, 4, 5}));
  const SessionId last = session(5);
  EXPECT_EQ(page(list, &last, all, true), (Numbers{}));
  EXPECT_EQ(page(MemberList(), nullptr, 0, true), (Numbers{}));
}

TEST(MemberList, Ends_a_page_where_it_is_full_but_puts_one_member_on_it) {
  for (const std::uint64_t members : {std::uint64_t{10}, std::uint64_t{30}}) {
    MemberList list;
    for (std::uint64_t number = 1; number <= members; ++number) list.add(anonymous(number));
    const std::size_t each = member_json_bytes_max(anonymous(1));
    EXPECT_EQ(page(list, nullptr, 3 * each, false), (Numbers{1, 2, 3}));
    EXPECT_EQ(page(list, nullptr, 3 * each - 1, false), (Numbers{1, 2}));
    EXPECT_EQ(page(list, nullptr, 0, false), (Numbers{1}));
    const SessionId third_last = session(members - 3);
    EXPECT_EQ(page(list, &third_last, 3 * each, true), (Numbers{members - 2, members - 1, members}));
  }
}

TEST(MemberList, Compares_the_high_half_of_a_session_first) {
  EXPECT_TRUE(precedes({1, 9}, {2, 0}));
  EXPECT_FALSE(precedes({2, 0}, {1, 9}));
  EXPECT_TRUE(precedes({1, 1}, {1, 2}));
  EXPECT_FALSE(precedes({1, 2}, {1, 1}));
  EXPECT_FALSE(precedes({1, 1}, {1, 1}));
}

TEST(MemberList, Costs_nothing_when_empty_and_one_small_block_for_one_member) {
  MemberList list;
  EXPECT_EQ(list.bytes(), 0U);
  list.add(anonymous(1));
  EXPECT_LE(list.bytes(), 48U);
  for (std::uint64_t number = 2; number <= 100; ++number) list.add(anonymous(number));
  EXPECT_GE(list.bytes(), 100 * sizeof(Member));
  for (std::uint64_t number = 2; number <= 100; ++number) list.remove(session(number));
  EXPECT_LE(list.bytes(), 48U);
  list.remove(session(1));
  EXPECT_EQ(list.bytes(), 0U);
}

TEST(MemberList, Lets_go_of_identities_with_their_members) {
  for (const std::uint64_t members : {std::uint64_t{5}, std::uint64_t{40}}) {
    const auto identity = std::make_shared<const Identity>(Identity{"ann", "{}"});
    {
      MemberList list;
      for (std::uint64_t number = 1; number <= members; ++number) list.add({session(number), identity});
      EXPECT_EQ(identity.use_count(), static_cast<long>(members) + 1);
      for (std::uint64_t number = 1; number < members; ++number) {
        list.remove(session(number));
        ASSERT_EQ(identity.use_count(), static_cast<long>(members - number) + 1);
      }
    }
    EXPECT_EQ(identity.use_count(), 1);
  }
}

TEST(MemberList, Never_counts_less_than_a_members_json_takes) {
  std::string controls;
  for (char c = 0; c < ' '; ++c) controls += c;
  const std::vector<Member> members{anonymous(1),
                                    named(1, ""),
                                    named(1, "ann"),
                                    named(1, controls, "{}"),
                                    named(1, "\"\\/\x7f"),
                                    named(1, "Žofie"),
                                    named(1, std::string(30, '\xff'))};
  for (const Member& member : members) {
    std::string json = R"({"session":")";
    json.append(member.session.text()).append("\"");
    if (member.identity) {
      json.append(",\"user\":");
      command::append_json_string(json, member.identity->user);
      if (!member.identity->info_json.empty()) json.append(",\"info\":").append(member.identity->info_json);
    }
    json.append("},");
    EXPECT_LE(json.size(), member_json_bytes_max(member)) << json;
  }
  EXPECT_LE(member_json_bytes_max(named(1, "ann", "{}")), 80U);  // nor much more
}

// Walks all pages, as a client with a cursor does.
Numbers walk(const MemberList& list, std::size_t bytes_max) {
  std::vector<Member> out;
  while (!list.page(out.empty() ? nullptr : &out.back().session, bytes_max, out)) {
  }
  return numbers(out);
}

void compare_with_map(std::uint64_t seed, std::size_t sessions) {
  SCOPED_TRACE("seed " + std::to_string(seed) + ", sessions " + std::to_string(sessions));
  std::mt19937_64 random(seed);
  MemberList list;
  std::map<std::uint64_t, std::string> model;
  for (int step = 0; step < 4000; ++step) {
    const std::uint64_t number = random() % sessions;
    // Fills up and empties again, so that few become many and few again.
    const bool filling = step / 500 % 2 == 0;
    if (random() % 4 == 0 ? !filling : filling) {
      const std::string user = std::to_string(step);
      ASSERT_EQ(list.add(named(number, user)), model.emplace(number, user).second);
    } else {
      const auto expected = model.find(number);
      Member left;
      ASSERT_EQ(list.remove(session(number), &left), expected != model.end());
      if (expected != model.end()) {
        ASSERT_EQ(left.session, session(number));
        ASSERT_EQ(left.identity->user, expected->second);
        model.erase(expected);
      }
    }
    ASSERT_EQ(list.size(), model.size());
    const std::uint64_t asked = random() % sessions;
    ASSERT_EQ(list.contains(session(asked)), model.count(asked) == 1);
    if (step % 50 != 0) continue;
    Numbers expected;
    for (const auto& [each, user] : model) expected.push_back(each);
    ASSERT_EQ(walk(list, random() % 2000), expected);
  }
}

TEST(MemberList, Holds_what_a_map_holds_under_random_use) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    for (const std::size_t sessions : {3U, 12U, 24U, 400U}) compare_with_map(seed, sessions);
  }
}

TEST(MemberList, Takes_a_hundred_thousand_members_that_come_and_go_in_any_order) {
  constexpr std::size_t members = 100'000;
  std::mt19937_64 random(1);
  std::vector<SessionId> sessions;
  for (std::size_t i = 0; i < members; ++i) sessions.push_back({random(), random()});
  MemberList list;
  for (const SessionId& each : sessions) ASSERT_TRUE(list.add({each, nullptr}));
  EXPECT_EQ(list.size(), members);
  EXPECT_LE(list.bytes(), members * 100);
  std::shuffle(sessions.begin(), sessions.end(), random);
  for (const SessionId& each : sessions) ASSERT_TRUE(list.remove(each));
  EXPECT_EQ(list.bytes(), 0U);
}

}  // namespace
}  // namespace crier::hub
