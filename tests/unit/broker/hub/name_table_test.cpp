#include "broker/hub/name_table.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace crier::hub {
namespace {

class Record {
 public:
  Record(std::string name, std::size_t hash, int number) : value(number), name_(std::move(name)), hash_(hash) {}
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::size_t hash() const { return hash_; }
  int value;

 private:
  std::string name_;
  std::size_t hash_;
};

// Compares with std::unordered_map under random use. `hash` may be as bad as it likes.
void compare_with_model(std::uint64_t seed, std::size_t names,
                        const std::function<std::size_t(std::string_view)>& hash) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  NameTable<Record> table;
  std::unordered_map<std::string, int> model;
  for (int i = 0; i < 6000; ++i) {
    const std::string name = std::string("n").append(std::to_string(random() % names));
    Record* const found = table.find(name, hash(name));
    const auto expected = model.find(name);
    ASSERT_EQ(found != nullptr, expected != model.end()) << name;
    if (found != nullptr) {
      ASSERT_EQ(found->value, expected->second);
    }
    // Fills up and empties again, so that the table grows and shrinks.
    const bool filling = i / 1500 % 2 == 0;
    if (found == nullptr && (filling || random() % 4 == 0)) {
      table.insert(std::make_unique<Record>(name, hash(name), i));
      model[name] = i;
    } else if (found != nullptr && (!filling || random() % 4 == 0)) {
      table.erase(*found);
      model.erase(name);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  std::set<std::string> left;
  table.for_each([&](const Record& record) { left.emplace(record.name()); });
  EXPECT_EQ(left.size(), model.size());
  for (const auto& [name, value] : model) EXPECT_EQ(left.count(name), 1U) << name;
}

TEST(NameTable, Holds_what_a_map_holds_under_random_use) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) compare_with_model(seed, 400, std::hash<std::string_view>{});
}

TEST(NameTable, Holds_what_a_map_holds_when_many_names_share_a_hash_or_its_low_bits) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    compare_with_model(seed, 60, [](std::string_view) { return std::size_t{62}; });
    compare_with_model(seed, 300, [](std::string_view name) { return std::hash<std::string_view>{}(name) << 4; });
    // Runs that go round the end of the table.
    compare_with_model(seed, 100,
                       [](std::string_view name) { return 60 + name.size() + std::size_t(name.back() - '0'); });
  }
}

TEST(NameTable, Keeps_records_where_they_are_when_it_grows) {
  NameTable<Record> table;
  const std::hash<std::string_view> hash;
  Record* const first = &table.insert(std::make_unique<Record>("first", hash("first"), 1));
  for (int i = 0; i < 1000; ++i) {
    const std::string name = std::to_string(i);
    table.insert(std::make_unique<Record>(name, hash(name), i));
  }
  EXPECT_EQ(table.find("first", hash("first")), first);
}

TEST(NameTable, Finds_nothing_while_it_is_empty) {
  const NameTable<Record> table;
  EXPECT_EQ(table.find("", 0), nullptr);
  EXPECT_EQ(table.size(), 0U);
}

// Steps through the table while names come and go; those of `kept` are there all the time.
void walk_through_changes(std::uint64_t seed, const std::function<std::size_t(std::string_view)>& hash) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  NameTable<Record> table;
  const auto add = [&](const std::string& name) { table.insert(std::make_unique<Record>(name, hash(name), 0)); };
  std::set<std::string> kept;
  for (int i = 0; i < 200; ++i) kept.insert("k" + std::to_string(i));
  for (const std::string& name : kept) add(name);
  std::vector<std::string> others;
  int number = 0;
  std::multiset<std::string> seen;
  std::optional<std::uint64_t> place = 0;
  for (int step = 0; place; ++step) {
    ASSERT_LT(step, 100'000);
    std::size_t in_step = 0;
    const std::size_t full = 1 + random() % 20;
    place = table.visit_from(
        *place, 1 + random() % 40, [&] { return in_step >= full; },
        [&](const Record& record) {
          ++in_step;
          seen.insert(std::string(record.name()));
        });
    // So that the table grows to many times its size, and shrinks again, once or twice.
    for (int i = 0; i < 100; ++i) {
      if (step % 40 < 20) {
        add(others.emplace_back("o" + std::to_string(number++)));
      } else if (!others.empty()) {
        table.erase(*table.find(others.back(), hash(others.back())));
        others.pop_back();
      }
    }
  }
  for (const std::string& name : kept) ASSERT_EQ(seen.count(name), 1U) << name;
  for (const std::string& name : seen) ASSERT_EQ(seen.count(name), 1U) << name;
}

TEST(NameTable, Walks_from_place_to_place_and_sees_what_stays_exactly_once) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) walk_through_changes(seed, std::hash<std::string_view>{});
}

TEST(NameTable, Walks_past_hashes_that_are_all_alike) {
  walk_through_changes(1, [](std::string_view name) { return std::hash<std::string_view>{}(name) << 60; });
}

TEST(NameTable, Ends_a_walk_through_nothing_at_once) {
  const NameTable<Record> table;
  EXPECT_EQ(table.visit_from(0, 1, [] { return false; }, [](const Record&) { FAIL(); }), std::nullopt);
}

TEST(NameTable, Reverses_bits) {
  EXPECT_EQ(reversed_bits(1), std::uint64_t{1} << 63);
  EXPECT_EQ(reversed_bits(0b1011), std::uint64_t{0b1101} << 60);
  EXPECT_EQ(reversed_bits(reversed_bits(0x0123456789ABCDEF)), 0x0123456789ABCDEFU);
}

}  // namespace
}  // namespace crier::hub
