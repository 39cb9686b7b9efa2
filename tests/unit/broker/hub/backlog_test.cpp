#include "broker/hub/backlog.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace crier::hub {
namespace {

constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

MessagePtr message(std::string_view channel, std::string_view key, std::size_t data_bytes = 1) {
  MessageOptions options;
  options.conflate_key = key;
  return MessageDraft(channel, hash_of(channel), std::string(data_bytes, '1'), options).seal({"ep", 1, 1, 1});
}

// The messages of one channel with these keys, numbered from `first`.
void append(Backlog& backlog, std::initializer_list<std::string_view> keys, std::uint64_t first = 1) {
  for (const std::string_view key : keys) backlog.append(message("prices", key), first++);
}

// "3 5(1 conflated) 9(3)": numbers, and in parentheses what is missing before them; what is missing at the
// end; "…" when there is more.
std::string text(const Backlog::Read& read) {
  std::string out;
  for (const Backlog::Item& item : read.items) {
    if (!out.empty()) out.append(" ");
    out.append(std::to_string(item.number));
    if (item.lost_before == 0) continue;
    out.append("(").append(std::to_string(item.lost_before)).append(item.conflated ? " conflated)" : ")");
  }
  if (read.lost_at_end > 0) out.append("+").append(std::to_string(read.lost_at_end));
  if (!read.at_top) out.append(" ...");
  return out;
}

std::string text(const Backlog& backlog, std::uint64_t after, std::size_t bytes_max = all) {
  return text(backlog.read(after, bytes_max));
}

TEST(Backlog, Gives_each_reader_what_it_has_not_taken_yet) {
  Backlog backlog(Backlog::Kind::drop_oldest);
  append(backlog, {"a", "a", "b"});
  EXPECT_EQ(text(backlog, 0), "1 2 3");
  EXPECT_EQ(text(backlog, 2), "3");
  EXPECT_EQ(text(backlog, 3), "");
  EXPECT_EQ(backlog.read(0, all).through, 3U);
  EXPECT_EQ(backlog.read(3, all).through, 3U);
}

TEST(Backlog, Reads_nothing_while_nothing_came) {
  const Backlog backlog(Backlog::Kind::conflate);
  const Backlog::Read read = backlog.read(7, all);
  EXPECT_TRUE(read.items.empty());
  EXPECT_TRUE(read.at_top);
  EXPECT_EQ(read.through, 7U);
  EXPECT_EQ(read.lost_at_end, 0U);
  EXPECT_TRUE(backlog.empty());
}

TEST(Backlog, Ends_a_read_where_it_is_full_but_gives_one_message) {
  Backlog backlog(Backlog::Kind::drop_oldest);
  append(backlog, {"", "", ""});
  const std::size_t each = message("prices", "")->bytes();
  EXPECT_EQ(text(backlog, 0, 2 * each), "1 2 ...");
  EXPECT_EQ(text(backlog, 0, 2 * each - 1), "1 ...");
  EXPECT_EQ(text(backlog, 0, 0), "1 ...");
  EXPECT_EQ(backlog.read(0, 2 * each).through, 2U);
  EXPECT_EQ(text(backlog, 2, 0), "3");
}

TEST(Backlog, Keeps_to_its_bytes_and_says_what_it_dropped_to_whom_it_misses) {
  Backlog backlog(Backlog::Kind::drop_oldest);
  append(backlog, {"", "", "", ""});
  backlog.trim(backlog.bytes() / 2);
  EXPECT_EQ(backlog.size(), 2U);
  EXPECT_EQ(text(backlog, 0), "3(2) 4");
  EXPECT_EQ(text(backlog, 1), "3(1) 4");
  EXPECT_EQ(text(backlog, 2), "3 4");
  EXPECT_EQ(text(backlog, 3), "4");
  const std::size_t bytes = backlog.bytes();
  backlog.trim(bytes);
  EXPECT_EQ(backlog.bytes(), bytes);
}

TEST(Backlog, Says_what_is_missing_when_everything_was_dropped) {
  for (const auto kind : {Backlog::Kind::drop_oldest, Backlog::Kind::conflate}) {
    Backlog backlog(kind);
    append(backlog, {"a", "a", "b"});
    backlog.trim(0);
    EXPECT_TRUE(backlog.empty());
    EXPECT_EQ(backlog.bytes(), 0U);
    EXPECT_EQ(text(backlog, 1), "+2");
    EXPECT_EQ(backlog.read(1, all).through, 3U);
    EXPECT_EQ(text(backlog, 3), "");
    append(backlog, {"c"}, 4);
    EXPECT_EQ(text(backlog, 1), "4(2)");
    EXPECT_EQ(text(backlog, 3), "4");
  }
}

TEST(Backlog, Puts_the_newer_message_of_a_key_at_the_end_and_leaves_a_hole_where_the_older_was) {
  Backlog backlog(Backlog::Kind::conflate);
  append(backlog, {"x", "a", "b", "a"});
  EXPECT_EQ(text(backlog, 0), "1 3(1 conflated) 4");
  EXPECT_EQ(text(backlog, 1), "3(1 conflated) 4");
  EXPECT_EQ(text(backlog, 2), "3 4");
  append(backlog, {"x", "b"}, 5);
  EXPECT_EQ(text(backlog, 0), "4(3 conflated) 5 6");
  EXPECT_EQ(text(backlog, 3), "4 5 6");
}

TEST(Backlog, Does_not_conflate_unless_it_is_to) {
  Backlog backlog(Backlog::Kind::drop_oldest);
  append(backlog, {"a", "a"});
  EXPECT_EQ(text(backlog, 0), "1 2");
}

TEST(Backlog, Takes_no_key_for_a_key_of_its_own) {
  Backlog backlog(Backlog::Kind::conflate);
  append(backlog, {"", "a", ""});
  EXPECT_EQ(text(backlog, 0), "2(1 conflated) 3");
}

TEST(Backlog, Does_not_conflate_two_channels_of_a_pattern) {
  Backlog backlog(Backlog::Kind::conflate);
  backlog.append(message("prices.a", "k"), 1);
  backlog.append(message("prices.b", "k"), 2);
  backlog.append(message("prices.ak", ""), 3);
  EXPECT_EQ(text(backlog, 0), "1 2 3");
  backlog.append(message("prices.a", "k"), 4);
  EXPECT_EQ(text(backlog, 0), "2(1 conflated) 3 4");
}

TEST(Backlog, Calls_a_hole_conflated_only_when_nothing_in_it_was_dropped) {
  Backlog backlog(Backlog::Kind::conflate);
  append(backlog, {"x", "a", "a", "b", "b"});
  EXPECT_EQ(text(backlog, 0), "1 3(1 conflated) 5(1 conflated)");
  backlog.drop_oldest();
  EXPECT_EQ(text(backlog, 0), "3(2) 5(1 conflated)");
  EXPECT_EQ(text(backlog, 1), "3(1 conflated) 5(1 conflated)");
  backlog.drop_oldest();
  EXPECT_EQ(text(backlog, 1), "5(3)");
  EXPECT_EQ(text(backlog, 3), "5(1 conflated)");
}

TEST(Backlog, A_message_is_not_conflated_for_whom_its_newer_one_was_dropped_too) {
  Backlog backlog(Backlog::Kind::conflate);
  append(backlog, {"a", "a", "b"});
  backlog.drop_oldest();
  EXPECT_EQ(text(backlog, 0), "3(2)");
}

TEST(Backlog, Forgets_a_key_with_its_message) {
  Backlog backlog(Backlog::Kind::conflate);
  append(backlog, {"a", "b"});
  backlog.drop_oldest();
  append(backlog, {"a", "a"}, 3);
  EXPECT_EQ(text(backlog, 0), "2(1) 4(1 conflated)");
}

TEST(Backlog, Counts_what_never_came_as_dropped) {
  Backlog backlog(Backlog::Kind::conflate);
  append(backlog, {"a", "a"}, 10);
  EXPECT_EQ(text(backlog, 5), "11(5)");
  EXPECT_EQ(text(backlog, 9), "11(1 conflated)");
  append(backlog, {"b"}, 15);
  EXPECT_EQ(text(backlog, 10), "11 15(3)");
}

TEST(Backlog, Keeps_one_message_a_key_however_many_come) {
  Backlog backlog(Backlog::Kind::conflate);
  append(backlog, {"first"});
  const std::size_t bytes = backlog.bytes();
  for (std::uint64_t number = 2; number <= 10'000; ++number) backlog.append(message("prices", "later"), number);
  EXPECT_EQ(backlog.size(), 2U);
  EXPECT_EQ(backlog.bytes(), 2 * bytes);
  EXPECT_EQ(text(backlog, 0), "1 10000(9998 conflated)");
}

TEST(BacklogDeathTest, Refuses_a_number_that_does_not_grow) {
  Backlog backlog(Backlog::Kind::drop_oldest);
  EXPECT_DEATH(append(backlog, {""}, 0), "invariant broken");
  append(backlog, {""}, 2);
  EXPECT_DEATH(append(backlog, {""}, 2), "invariant broken");
}

TEST(BacklogDeathTest, Has_nothing_to_drop_when_it_is_empty) {
  Backlog backlog(Backlog::Kind::conflate);
  EXPECT_DEATH(backlog.drop_oldest(), "invariant broken");
}

// What Backlog says it does, as plainly as it can be written: every message that ever came, and what
// became of it.
class Model {
 public:
  explicit Model(Backlog::Kind kind) : kind_(kind) {}

  void append(MessagePtr added) {
    if (kind_ == Backlog::Kind::conflate) {
      for (Entry& entry : entries_) {
        const bool same = entry.message && entry.message->channel() == added->channel() &&
                          entry.message->conflate_key() == added->conflate_key();
        if (!same) continue;
        entry.message = MessagePtr{};
        entry.conflated = true;
      }
    }
    entries_.push_back({std::move(added), false});
  }
  void drop_oldest() {
    for (Entry& entry : entries_) {
      if (!entry.message) continue;
      entry.message = MessagePtr{};
      return;
    }
  }
  void trim(std::size_t bytes_max) {
    while (bytes() > bytes_max) drop_oldest();
  }
  [[nodiscard]] std::size_t bytes() const {
    std::size_t bytes = 0;
    for (const Entry& entry : entries_) bytes += entry.message ? entry.message->bytes() + backlog_entry_bytes : 0;
    return bytes;
  }
  [[nodiscard]] std::size_t size() const {
    std::size_t size = 0;
    for (const Entry& entry : entries_) size += entry.message ? 1 : 0;
    return size;
  }
  [[nodiscard]] Backlog::Read read(std::uint64_t after, std::size_t bytes_max) const {
    Backlog::Read read;
    read.through = after;
    read.at_top = true;
    std::size_t bytes = 0;
    std::uint64_t lost = 0;
    bool conflated = true;
    for (std::uint64_t number = after + 1; number <= entries_.size(); ++number) {
      const Entry& entry = entries_[number - 1];
      if (!entry.message) {
        ++lost;
        conflated = conflated && entry.conflated;
        continue;
      }
      bytes += entry.message->bytes();
      if (!read.items.empty() && bytes > bytes_max) {
        read.at_top = false;
        return read;
      }
      read.items.push_back({entry.message, number, lost, lost > 0 && conflated});
      read.through = number;
      lost = 0;
      conflated = true;
    }
    read.lost_at_end = lost;
    read.through += lost;
    return read;
  }

 private:
  struct Entry {
    MessagePtr message;      // null: gone
    bool conflated = false;  // and how
  };
  Backlog::Kind kind_;
  std::vector<Entry> entries_;  // of the numbers 1 and up
};

void compare(const Backlog::Read& found, const Backlog::Read& expected) {
  ASSERT_EQ(text(found), text(expected));
  ASSERT_EQ(found.through, expected.through);
  for (std::size_t i = 0; i < found.items.size(); ++i) {
    ASSERT_EQ(&*found.items[i].message, &*expected.items[i].message);
  }
}

void compare_with_model(std::uint64_t seed, Backlog::Kind kind) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Backlog backlog(kind);
  Model model(kind);
  const std::size_t keys = 1 + random() % 40;
  const std::size_t bytes_max = 2000 + random() % 20'000;
  std::uint64_t number = 0;
  for (int step = 0; step < 1500; ++step) {
    const std::size_t kind_of_step = random() % 16;
    if (kind_of_step == 0 && !backlog.empty()) {
      backlog.drop_oldest();
      model.drop_oldest();
    } else if (kind_of_step == 1) {
      const std::size_t limit = random() % 8 == 0 ? 0 : random() % bytes_max;
      backlog.trim(limit);
      model.trim(limit);
    } else {
      const MessagePtr added =
          message(random() % 4 == 0 ? "prices.b" : "prices.a", std::to_string(random() % keys), 1 + random() % 300);
      backlog.append(added, ++number);
      model.append(added);
    }
    ASSERT_EQ(backlog.size(), model.size());
    ASSERT_EQ(backlog.empty(), model.size() == 0);
    ASSERT_EQ(backlog.bytes(), model.bytes());
    const std::uint64_t after = number - random() % (number + 1);
    const std::size_t read_max = random() % 2 == 0 ? all : random() % 3000;
    compare(backlog.read(after, read_max), model.read(after, read_max));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(Backlog, Does_what_a_plain_list_does_under_random_use) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    compare_with_model(seed, seed % 4 == 0 ? Backlog::Kind::drop_oldest : Backlog::Kind::conflate);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace crier::hub
