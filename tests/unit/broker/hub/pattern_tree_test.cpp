#include "broker/hub/pattern_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "broker/hub/message.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::hub {
namespace {

class Record {
 public:
  explicit Record(std::string_view name) : name_(name) {}
  [[nodiscard]] std::string_view name() const { return name_; }

 private:
  std::string name_;
};
using Tree = PatternTree<Record>;
using Names = std::vector<std::string>;

Record& add(Tree& tree, std::string_view pattern) {
  return tree.insert(std::make_unique<Record>(pattern));
}

Tree tree_of(const Names& patterns) {
  Tree tree;
  for (const std::string& pattern : patterns) add(tree, pattern);
  return tree;
}

Names matches(const Tree& tree, std::string_view channel) {
  Names names;
  tree.match(channel, [&](const Record& record) { names.emplace_back(record.name()); });
  return names;
}

// The contract again, by other means: characters from the left, backtracking at '*'.
bool model_matches_tokens(std::string_view pattern, std::string_view tokens) {
  if (pattern == ">") return !tokens.empty();
  if (pattern.empty() || tokens.empty()) return pattern.empty() && tokens.empty();
  if (pattern[0] != '*') {
    return pattern[0] == tokens[0] && model_matches_tokens(pattern.substr(1), tokens.substr(1));
  }
  if (tokens[0] == '.') return false;
  std::size_t end = 1;
  while (end < tokens.size() && tokens[end] != '.') ++end;
  return model_matches_tokens(pattern.substr(1), tokens.substr(end));
}
bool model_matches(const std::string& pattern, const std::string& channel) {
  const auto split = [](const std::string& text) {
    const auto colon = text.find(':');
    return colon == std::string::npos ? std::pair<std::string, std::string>("", text)
                                      : std::pair(text.substr(0, colon + 1), text.substr(colon + 1));
  };
  const auto [pattern_space, pattern_tokens] = split(pattern);
  const auto [channel_space, channel_tokens] = split(channel);
  return pattern_space == channel_space && model_matches_tokens(pattern_tokens, channel_tokens);
}

// Few different tokens, some of which begin another, so that there are many matches and near misses.
class RandomNames {
 public:
  explicit RandomNames(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  std::string name(std::size_t tokens_max) { return text(tokens_max, false); }
  // With at least one wildcard.
  std::string pattern(std::size_t tokens_max) {
    for (;;) {
      std::string made = text(tokens_max, true);
      if (command::looks_like_pattern(made)) return made;
    }
  }

 private:
  std::string text(std::size_t tokens_max, bool wildcards) {
    static constexpr std::string_view spaces[] = {"", "", "n:", "m:"};
    static constexpr std::string_view literals[] = {"a", "b", "aa", "a:a"};
    std::string made(spaces[below(4)]);
    const std::size_t tokens = 1 + below(tokens_max);
    for (std::size_t at = 0; at < tokens; ++at) {
      if (at != 0) made += '.';
      if (wildcards && at < pattern_wildcard_tokens_max && below(3) == 0) {
        made += '*';
      } else if (wildcards && at < pattern_wildcard_tokens_max && at + 1 == tokens && below(3) == 0) {
        made += '>';
      } else {
        // A ':' in the first token would make it a namespace.
        made += literals[below(made.find(':') == std::string::npos ? 3 : 4)];
      }
    }
    return made;
  }
  std::mt19937_64 random_;
};

TEST(PatternTree, Matches_one_token_for_a_star) {
  const Tree tree = tree_of({"news.*.uk"});
  EXPECT_EQ(matches(tree, "news.sport.uk"), Names{"news.*.uk"});
  EXPECT_EQ(matches(tree, "news.sport.us"), Names{});
  EXPECT_EQ(matches(tree, "news.uk"), Names{});
  EXPECT_EQ(matches(tree, "news.a.b.uk"), Names{});
  EXPECT_EQ(matches(tree, "news.sport.uk.x"), Names{});
}

TEST(PatternTree, Matches_one_or_more_tokens_for_a_last_greater_than_sign) {
  const Tree tree = tree_of({"room.>"});
  EXPECT_EQ(matches(tree, "room.a"), Names{"room.>"});
  EXPECT_EQ(matches(tree, "room.a.b.c"), Names{"room.>"});
  EXPECT_EQ(matches(tree, "room"), Names{});
  EXPECT_EQ(matches(tree, "rooms.a"), Names{});
}

TEST(PatternTree, Matches_only_within_the_namespace_of_the_pattern) {
  const Tree tree = tree_of({">", "chat:>", "chat:*", "news:>"});
  EXPECT_EQ(matches(tree, "a.b"), Names{">"});
  EXPECT_EQ(matches(tree, "chat:a.b"), Names{"chat:>"});
  EXPECT_EQ(matches(tree, "chat:a"), (Names{"chat:>", "chat:*"}));
  EXPECT_EQ(matches(tree, "other:a"), Names{});
  // Only the first ':' makes a namespace.
  EXPECT_EQ(matches(tree, "chat:news:a"), (Names{"chat:>", "chat:*"}));
}

TEST(PatternTree, Tells_a_namespace_from_a_token_of_the_same_name) {
  const Tree tree = tree_of({"chat.*", "chat:*"});
  EXPECT_EQ(matches(tree, "chat.a"), Names{"chat.*"});
  EXPECT_EQ(matches(tree, "chat:a"), Names{"chat:*"});
}

TEST(PatternTree, Does_not_match_tokens_in_another_order) {
  const Tree tree = tree_of({"a.b.*", "*.x.y"});
  EXPECT_EQ(matches(tree, "b.a.c"), Names{});
  EXPECT_EQ(matches(tree, "c.y.x"), Names{});
}

TEST(PatternTree, Matches_names_of_the_greatest_depth) {
  std::string deep = "a";
  while (deep.size() + 2 <= command::channel_name_bytes_max) deep += ".a";
  std::string late = deep;
  late.back() = 'b';
  std::string pattern = deep;
  pattern.front() = '*';
  const Tree tree = tree_of({">", "*.>", "a.a.a.a.a.a.a.a.a.>", pattern});
  EXPECT_EQ(matches(tree, deep), (Names{">", "a.a.a.a.a.a.a.a.a.>", pattern, "*.>"}));
  EXPECT_EQ(matches(tree, late), (Names{">", "a.a.a.a.a.a.a.a.a.>", "*.>"}));
}

TEST(PatternTree, Shows_no_internal_channel_to_anybody) {
  const Tree tree = tree_of({">", "*"});
  EXPECT_EQ(matches(tree, std::string(internal_channel_prefix).append("1")), Names{});
}

TEST(PatternTree, Matches_nothing_while_it_is_empty) {
  Tree tree;
  EXPECT_TRUE(tree.empty());
  EXPECT_EQ(tree.find("a.*"), nullptr);
  EXPECT_EQ(matches(tree, "a.b"), Names{});
  tree.erase(add(tree, "a.*"));
  EXPECT_TRUE(tree.empty());
  EXPECT_EQ(tree.find("a.*"), nullptr);
  EXPECT_EQ(matches(tree, "a.b"), Names{});
}

TEST(PatternTree, Keeps_no_nodes_without_patterns) {
  Tree tree;
  Record& deep = add(tree, "n:a.*.b.*.c");
  const std::size_t nodes = tree.node_count();
  Record& beside = add(tree, "n:a.x.*");
  Record& below = add(tree, "n:a.*.b.*.>");
  EXPECT_GT(tree.node_count(), nodes);
  tree.erase(below);
  tree.erase(beside);
  EXPECT_EQ(tree.node_count(), nodes);
  tree.erase(deep);
  EXPECT_EQ(tree.node_count(), 0U);
}

TEST(PatternTree, Finds_a_pattern_by_its_text_only) {
  Tree tree;
  Record& star = add(tree, "a.*");
  Record& rest = add(tree, "a.>");
  EXPECT_EQ(tree.find("a.*"), &star);
  EXPECT_EQ(tree.find("a.>"), &rest);
  EXPECT_EQ(tree.find("a.b"), nullptr);
  EXPECT_EQ(tree.find("*.*"), nullptr);
  EXPECT_EQ(tree.find("n:a.*"), nullptr);
}

TEST(PatternTree, Finds_nothing_for_a_pattern_beyond_the_limit) {
  const Tree tree = tree_of({"a.*"});
  EXPECT_EQ(tree.find("a.a.a.a.a.a.a.a.a.a.a.*.a"), nullptr);
  EXPECT_EQ(tree.find("a.a.a.a.a.a.a.a.a.a.a.a.>"), nullptr);
}

TEST(PatternTree, Agrees_with_a_naive_matcher_while_patterns_come_and_go) {
  std::size_t found = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(std::string("seed ").append(std::to_string(seed)));
    RandomNames random(seed);
    const std::size_t tokens_max = seed % 4 == 0 ? 14 : 4;
    Tree tree;
    std::map<std::string, Record*> model;
    for (int step = 0; step < 1600; ++step) {
      // Fills up and empties again, so that the table grows and shrinks.
      const bool filling = step / 400 % 2 == 0;
      const std::string pattern = random.pattern(tokens_max);
      const auto known = model.find(pattern);
      ASSERT_EQ(tree.find(pattern), known == model.end() ? nullptr : known->second) << pattern;
      if (known == model.end() && (filling || random.below(8) == 0)) {
        model[pattern] = &add(tree, pattern);
      } else if (!model.empty() && (!filling || random.below(8) == 0)) {
        const auto victim = std::next(model.begin(), static_cast<std::ptrdiff_t>(random.below(model.size())));
        tree.erase(*victim->second);
        model.erase(victim);
      }
      ASSERT_EQ(tree.size(), model.size());
      const std::string channel = random.name(tokens_max);
      Names expected;
      for (const auto& [name, record] : model) {
        if (model_matches(name, channel)) expected.push_back(name);
        ASSERT_EQ(pattern_matches(name, channel), model_matches(name, channel)) << name << " " << channel;
      }
      Names actual = matches(tree, channel);
      std::sort(actual.begin(), actual.end());
      ASSERT_EQ(actual, expected) << channel;
      found += actual.size();
    }
    Tree fresh;
    for (const auto& [name, record] : model) add(fresh, name);
    ASSERT_EQ(tree.node_count(), fresh.node_count());
    for (const auto& [name, record] : model) tree.erase(*record);
    ASSERT_EQ(tree.node_count(), 0U);
  }
  EXPECT_GT(found, 10'000U);  // or the names were too seldom alike to show anything
}

TEST(PatternTree, Visits_in_an_order_that_follows_from_the_patterns_alone) {
  RandomNames random(7);
  std::set<std::string> patterns;
  while (patterns.size() < 300) patterns.insert(random.pattern(5));
  const Names forwards(patterns.begin(), patterns.end());
  const Names backwards(patterns.rbegin(), patterns.rend());
  const Tree one = tree_of(forwards);
  Tree two = tree_of(backwards);
  for (std::size_t at = 0; at < backwards.size(); at += 3) {
    two.erase(*two.find(backwards[at]));
    add(two, backwards[at]);
  }
  std::size_t several = 0;
  for (int i = 0; i < 500; ++i) {
    const std::string channel = random.name(5);
    const Names order = matches(one, channel);
    several += order.size() > 1 ? 1 : 0;
    ASSERT_EQ(order, matches(two, channel)) << channel;
  }
  EXPECT_GT(several, 100U);
}

TEST(PatternTree, Goes_through_all_patterns_in_the_order_of_their_insertion) {
  Tree tree = tree_of({"c.*", "a.*", "b.*"});
  const auto all = [&] {
    Names names;
    tree.for_each([&](const Record& record) { names.emplace_back(record.name()); });
    return names;
  };
  EXPECT_EQ(all(), (Names{"c.*", "a.*", "b.*"}));
  tree.erase(*tree.find("a.*"));
  EXPECT_EQ(all(), (Names{"c.*", "b.*"}));
}

// The tree knows tokens by 31 bits of their hashes.
TEST(PatternTree, Tells_tokens_apart_whose_hashes_collide) {
  std::map<std::uint32_t, std::string> seen;
  std::string one;
  std::string other;
  for (int i = 0; one.empty(); ++i) {
    std::string token = std::string("t").append(std::to_string(i));
    const auto [known, added] = seen.emplace(static_cast<std::uint32_t>(hash_of(token) >> 32) | 1, token);
    if (added) continue;
    one = known->second;
    other = token;
  }
  const std::string stars[] = {one + ".*", other + ".*", std::string("*.").append(one),
                               std::string("*.").append(other)};
  Tree tree = tree_of({stars[0], stars[1], stars[2], stars[3], one + ".>", other + ".>"});
  EXPECT_EQ(matches(tree, one + ".a"), (Names{one + ".>", stars[0]}));
  EXPECT_EQ(matches(tree, other + ".a"), (Names{other + ".>", stars[1]}));
  EXPECT_EQ(matches(tree, std::string("a.").append(one)), Names{stars[2]});
  EXPECT_EQ(matches(tree, std::string("a.").append(other)), Names{stars[3]});
  tree.erase(*tree.find(stars[0]));
  tree.erase(*tree.find(one + ".>"));
  EXPECT_EQ(matches(tree, one + ".a"), Names{});
  EXPECT_EQ(matches(tree, other + ".a"), (Names{other + ".>", stars[1]}));
  tree.erase(*tree.find(other + ".>"));
  tree.erase(*tree.find(stars[1]));
  EXPECT_EQ(tree.size(), 2U);
  EXPECT_EQ(matches(tree, other + ".a"), Names{});
}

TEST(PatternTree, Keeps_records_where_they_are_when_it_grows) {
  Tree tree;
  Record* const first = &add(tree, "first.*");
  for (int i = 0; i < 1000; ++i) add(tree, std::to_string(i).append(".*"));
  EXPECT_EQ(tree.find("first.*"), first);
}

TEST(PatternTree, May_match_again_from_within_a_visit) {
  const Tree tree = tree_of({"*", ">"});
  Names inner;
  tree.match("a", [&](const Record&) { inner = matches(tree, "a.b"); });
  EXPECT_EQ(inner, Names{">"});
}

TEST(PatternTreeDeathTest, Refuses_to_change_during_a_visit) {
  Tree tree = tree_of({"*"});
  EXPECT_DEATH(tree.match("a", [&](Record& record) { tree.erase(record); }), "invariant");
  EXPECT_DEATH(tree.match("a", [&](Record&) { add(tree, "b.*"); }), "invariant");
}

TEST(PatternTreeDeathTest, Refuses_the_same_pattern_twice) {
  Tree tree = tree_of({"a.*"});
  EXPECT_DEATH(add(tree, "a.*"), "invariant");
}

TEST(PatternLimits, Let_wildcards_stand_among_the_first_ten_tokens) {
  EXPECT_EQ(check_pattern_limits(">"), "");
  EXPECT_EQ(check_pattern_limits("n:*.*.*.*.*.*.*.*.*.*"), "");
  EXPECT_EQ(check_pattern_limits("n:*.*.*.*.*.*.*.*.*.>"), "");
  EXPECT_EQ(check_pattern_limits("*.b.c.d.e.f.g.h.i.j.k.l.m"), "");
  EXPECT_EQ(check_pattern_limits("a.b.c.d.e.f.g.h.i.j.*.l"),
            "has the wildcard '*' as token 11, but only the first 10 may be wildcards");
  EXPECT_EQ(check_pattern_limits("n:a.b.c.d.e.f.g.h.i.j.>"),
            "has the wildcard '>' as token 11, but only the first 10 may be wildcards");
}

// The worst that the limit lets through: a literal and a '*' below each node, all with the tokens of one name.
TEST(PatternLimits, Bound_how_many_patterns_one_name_can_match) {
  Tree tree;
  const auto with_stars = [](std::uint32_t wildcards, std::size_t tokens) {
    std::string pattern;
    for (std::size_t at = 0; at < tokens; ++at) {
      if (at != 0) pattern += '.';
      pattern += (wildcards >> at & 1) != 0 ? '*' : 'a';
    }
    return pattern;
  };
  const std::string name = with_stars(0, 12);
  for (std::uint32_t wildcards = 0; wildcards < 1U << pattern_wildcard_tokens_max; ++wildcards) {
    if (wildcards != 0) add(tree, with_stars(wildcards, 12));
    for (std::size_t tokens = 0; tokens < pattern_wildcard_tokens_max; ++tokens) {
      if (wildcards >> tokens != 0) continue;
      add(tree, tokens == 0 ? ">" : with_stars(wildcards, tokens).append(".>"));
    }
  }
  EXPECT_EQ(tree.size(), 2046U);
  EXPECT_EQ(matches(tree, name).size(), 2046U);
  EXPECT_EQ(matches(tree, name + ".a").size(), 1023U);
}

}  // namespace
}  // namespace crier::hub
