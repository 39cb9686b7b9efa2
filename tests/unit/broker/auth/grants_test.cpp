#include "broker/auth/grants.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/command/channel_name.hpp"
#include "tests/support/chance.hpp"

namespace crier::auth {
namespace {

using Items = std::vector<std::string>;

Grants grants(const Items& items) {
  auto parsed = Grants::parse(items);
  EXPECT_TRUE(parsed) << parsed.error();
  return parsed ? std::move(*parsed) : Grants{};
}

TEST(Grants, Without_items_cover_nothing) {
  EXPECT_TRUE(Grants{}.empty());
  EXPECT_TRUE(grants({}).empty());
  EXPECT_FALSE(Grants{}.cover("news"));
  EXPECT_FALSE(Grants{}.cover(">"));
}

TEST(Grants, Cover_the_channels_that_are_named_and_no_others) {
  const Grants named = grants({"news", "chat:room.1", "chat:room.10"});
  EXPECT_FALSE(named.empty());
  for (const char* channel : {"news", "chat:room.1", "chat:room.10"}) EXPECT_TRUE(named.cover(channel)) << channel;
  for (const char* channel : {"new", "newss", "chat:news", "room.1", "chat:room", "chat:room.1.x", "Chat:room.1", "*",
                              "chat:*.1", "chat:room.*", "chat:>"}) {
    EXPECT_FALSE(named.cover(channel)) << channel;
  }
}

TEST(Grants, Cover_by_a_star_one_token_literal_or_star) {
  const Grants rooms = grants({"chat:room.*.x"});
  for (const char* covered : {"chat:room.1.x", "chat:room.*.x", "chat:room.x.x"}) EXPECT_TRUE(rooms.cover(covered));
  for (const char* channel : {"chat:room.x", "chat:room.1.2.x", "chat:room.1.y", "chat:room.1.*", "chat:room.1.>",
                              "chat:room.>", "chat:>", "room.1.x", "other:room.1.x"}) {
    EXPECT_FALSE(rooms.cover(channel)) << channel;
  }
}

TEST(Grants, Cover_by_a_last_tail_one_token_or_more) {
  const Grants rooms = grants({"chat:room.>"});
  for (const char* covered :
       {"chat:room.1", "chat:room.1.2", "chat:room.*", "chat:room.*.x", "chat:room.>", "chat:room.1.>"}) {
    EXPECT_TRUE(rooms.cover(covered)) << covered;
  }
  for (const char* channel : {"chat:room", "chat:*", "chat:>", "chat:*.1", "chat:rooms.1", "room.1", "room.>", ">"}) {
    EXPECT_FALSE(rooms.cover(channel)) << channel;
  }
}

TEST(Grants, Cover_within_their_own_namespace_only) {
  EXPECT_TRUE(grants({">"}).cover("news.uk"));
  EXPECT_FALSE(grants({">"}).cover("chat:room"));
  EXPECT_FALSE(grants({"chat:>"}).cover("room"));
  EXPECT_FALSE(grants({"chat:>"}).cover("cha:room"));
  EXPECT_TRUE(grants({"chat:>"}).cover("chat:a:b")) << "only the first colon makes a namespace";
}

TEST(Grants, Cover_when_any_one_item_does) {
  const Grants several = grants({"a.*", "news", "b.>"});
  EXPECT_TRUE(several.cover("a.1"));
  EXPECT_TRUE(several.cover("b.1.2"));
  EXPECT_TRUE(several.cover("news"));
  EXPECT_FALSE(several.cover("c.1"));
  EXPECT_FALSE(grants({"a", "*.>"}).cover(">"));
}

TEST(Grants, Name_the_item_that_is_neither_name_nor_pattern) {
  const auto fault = [](const std::string& item) {
    const auto parsed = Grants::parse(Items{"fine", item});
    return parsed ? std::string("none") : parsed.error();
  };
  EXPECT_EQ(fault("two words"),
            "'two words' has a space at character 4, but holds printable ASCII only, without space, '*', '>', '\"' "
            "and '\\'");
  EXPECT_TRUE(fault("a.b*").starts_with("'a.b*' has '*'")) << fault("a.b*");
  EXPECT_TRUE(fault("").starts_with("'' must be 1 to 255 bytes long")) << fault("");
  EXPECT_TRUE(fault("*:a").starts_with("'*:a' has '*'")) << "a namespace is literal: " << fault("*:a");
  EXPECT_TRUE(fault("\xFF").starts_with("an item that is not UTF-8 has a non-ASCII")) << fault("\xFF");
}

// All names of up to four tokens out of a small alphabet, in two namespaces.
std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const std::string prefix : {"", "n:"}) {
    std::vector<std::string> longer = {prefix};
    for (int tokens = 0; tokens < 4; ++tokens) {
      std::vector<std::string> next;
      for (const std::string& start : longer) {
        // "z" stands for all that no pattern spells out.
        for (const char* token : {"a", "b", "z"}) next.push_back(start + (tokens == 0 ? "" : ".") + token);
      }
      names.insert(names.end(), next.begin(), next.end());
      longer = std::move(next);
    }
  }
  return names;
}

std::string draw(testing::Chance& chance) {
  std::string text = chance.one_in(3) ? "n:" : "";
  const std::size_t tokens = chance.between(1, 3);
  for (std::size_t i = 0; i < tokens; ++i) {
    if (i > 0) text += '.';
    if (i + 1 == tokens && chance.one_in(4)) return text + '>';
    text += chance.one_of({"a", "b", "*"});
  }
  return text;
}

TEST(Grants, Cover_a_pattern_exactly_when_they_match_each_name_that_it_matches) {
  const std::vector<std::string> names = all_names();
  testing::Chance chance(20);
  std::size_t covered = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string ours = draw(chance);
    const std::string theirs = draw(chance);
    const Grants by_ours = grants({ours});
    const Grants by_theirs = grants({theirs});
    bool contained = true;
    for (const std::string& name : names) contained &= !by_theirs.cover(name) || by_ours.cover(name);
    EXPECT_EQ(by_ours.cover(theirs), contained) << ours << " and " << theirs;
    covered += by_ours.cover(theirs) ? 1 : 0;
  }
  EXPECT_GT(covered, 100u) << "the draw is of no use where hardly anything is contained";
}

}  // namespace
}  // namespace crier::auth
