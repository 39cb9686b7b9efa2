// History and its budget against a plain list, under random use.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <list>
#include <random>
#include <string>
#include <vector>

#include "broker/hub/history.hpp"

namespace crier::hub {
namespace {

constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

MessagePtr message(std::uint64_t offset, std::int64_t time_ms, std::uint64_t ttl_s, std::size_t data_bytes) {
  MessageOptions options;
  options.ttl_s = ttl_s;
  return MessageDraft("news", hash_of("news"), std::string(data_bytes, '1'), options)
      .seal({"ep", offset, offset, time_ms});
}

std::vector<std::uint64_t> offsets(const std::vector<MessagePtr>& messages) {
  std::vector<std::uint64_t> out;
  for (const MessagePtr& each : messages) out.push_back(each->offset());
  return out;
}

// What History says it does, as plainly as it can be written.
struct Model {
  std::vector<MessagePtr> messages;
  std::uint64_t floor = 0;

  void forget_first() {
    floor = messages.front()->offset();
    messages.erase(messages.begin());
  }
  void expire(std::int64_t now_ms, const HistoryLimits& limits) {
    while (!messages.empty() &&
           (messages.size() > limits.messages || messages.front()->time_ms() < now_ms - limits.age_ms)) {
      forget_first();
    }
  }
  static bool alive(const MessagePtr& each, std::int64_t now_ms) {
    return each->expires_ms() == 0 || each->expires_ms() > now_ms;
  }
  [[nodiscard]] std::vector<MessagePtr> alive_after(std::uint64_t after, std::int64_t now_ms) const {
    std::vector<MessagePtr> out;
    std::copy_if(messages.begin(), messages.end(), std::back_inserter(out),
                 [&](const MessagePtr& each) { return each->offset() > after && alive(each, now_ms); });
    return out;
  }
  [[nodiscard]] std::vector<MessagePtr> alive_before(std::uint64_t before, std::int64_t now_ms) const {
    std::vector<MessagePtr> out;
    std::copy_if(messages.rbegin(), messages.rend(), std::back_inserter(out),
                 [&](const MessagePtr& each) { return each->offset() < before && alive(each, now_ms); });
    return out;
  }
  [[nodiscard]] std::uint64_t before_last(std::size_t count, std::int64_t now_ms) const {
    const std::vector<MessagePtr> newest = alive_before(std::numeric_limits<std::uint64_t>::max(), now_ms);
    if (count == 0 || newest.empty()) return messages.empty() ? floor : messages.back()->offset();
    const std::uint64_t first = newest[std::min(count, newest.size()) - 1]->offset();
    std::uint64_t previous = floor;
    for (const MessagePtr& each : messages) {
      if (each->offset() < first) previous = each->offset();
    }
    return previous;
  }
  // Cuts to the limits. True: nothing had to be cut.
  static bool cut(std::vector<MessagePtr>& out, std::size_t bytes_max, std::size_t count_max) {
    std::size_t bytes = 0;
    std::size_t fitting = 0;
    for (const MessagePtr& each : out) {
      bytes += each->bytes();
      if (fitting == count_max || (fitting > 0 && bytes > bytes_max)) break;
      ++fitting;
    }
    const bool complete = fitting == out.size();
    out.resize(fitting);
    return complete;
  }
};

class HistoryModelRun {
 public:
  HistoryModelRun(std::uint64_t seed, bool with_ttl) : random_(seed), with_ttl_(with_ttl) {}

  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      now_ms_ += static_cast<std::int64_t>(below(200));
      Pair& pair = pairs_[below(std::size(pairs_))];
      change(pair);
      compare(pair);
      compare_budget();
    }
  }

 private:
  struct Pair {
    explicit Pair(HistoryBudget& budget) : history(budget, 0) {}
    History history;
    Model model;
  };

  std::size_t below(std::size_t end) { return static_cast<std::size_t>(random_() % end); }
  void used(Pair& pair) {
    order_.remove(&pair);
    if (!pair.model.messages.empty()) order_.push_back(&pair);
  }

  void change(Pair& pair) {
    const HistoryLimits limits{.messages = below(20) == 0 ? below(3) : 10 + below(40), .age_ms = 3000};
    const std::size_t kind = below(20);
    if (kind < 14) {
      append(pair, limits);
    } else if (kind < 16) {
      pair.history.expire(now_ms_, limits);
      pair.model.expire(now_ms_, limits);
    } else if (kind < 18 && !pair.model.messages.empty()) {
      pair.history.drop_oldest();
      pair.model.forget_first();
    } else if (kind == 18 && below(10) == 0) {
      pair.history.clear_to(offset_);
      pair.model = {.messages = {}, .floor = offset_};
    } else if (kind == 19) {
      pair.history.touch();
      used(pair);
    }
    if (pair.model.messages.empty()) order_.remove(&pair);
  }

  void append(Pair& pair, const HistoryLimits& limits) {
    offset_ += 1 + below(3);
    const std::uint64_t ttl_s = with_ttl_ && below(3) == 0 ? 1 + below(3) : 0;
    const MessagePtr added = message(offset_, now_ms_, ttl_s, 1 + below(500));
    pair.history.append(added, limits);
    pair.model.messages.push_back(added);
    pair.model.expire(now_ms_, limits);
    used(pair);
    while (budget_.over()) {
      ASSERT_EQ(budget_.oldest(), &order_.front()->history);
      budget_.oldest()->drop_oldest();
      order_.front()->model.forget_first();
      if (order_.front()->model.messages.empty()) order_.pop_front();
    }
  }

  void compare(const Pair& pair) {
    const History& history = pair.history;
    const Model& model = pair.model;
    ASSERT_EQ(history.size(), model.messages.size());
    ASSERT_EQ(history.empty(), model.messages.empty());
    ASSERT_EQ(history.floor(), model.floor);
    ASSERT_EQ(history.oldest(), model.messages.empty() ? nullptr : &*model.messages.front());
    ASSERT_EQ(history.newest(), model.messages.empty() ? nullptr : &*model.messages.back());
    const std::uint64_t at = offset_ - std::min<std::uint64_t>(offset_, below(100)) + below(3);
    const std::size_t bytes_max = below(4) == 0 ? all : below(4000);
    const std::size_t count_max = below(4) == 0 ? all : below(20);
    std::vector<MessagePtr> expected = model.alive_after(at, now_ms_);
    ASSERT_EQ(history.count_after(at, now_ms_), expected.size());
    const bool complete_after = Model::cut(expected, bytes_max, count_max);
    std::vector<MessagePtr> found;
    ASSERT_EQ(history.slice_after(at, bytes_max, count_max, now_ms_, found), complete_after);
    ASSERT_EQ(offsets(found), offsets(expected));
    expected = model.alive_before(at, now_ms_);
    const bool complete_before = Model::cut(expected, bytes_max, count_max);
    found.clear();
    ASSERT_EQ(history.slice_before(at, bytes_max, count_max, now_ms_, found), complete_before);
    ASSERT_EQ(offsets(found), offsets(expected));
    const std::size_t count = below(30);
    ASSERT_EQ(history.before_last(count, now_ms_), model.before_last(count, now_ms_));
  }

  void compare_budget() {
    std::size_t total = 0;
    for (const Pair& pair : pairs_) {
      std::size_t bytes = 0;
      for (const MessagePtr& each : pair.model.messages) bytes += each->bytes();
      ASSERT_GE(pair.history.bytes(), bytes + pair.history.size() * sizeof(MessagePtr));
      ASSERT_LE(pair.history.bytes(), bytes + std::max<std::size_t>(4, 4 * pair.history.size()) * sizeof(MessagePtr));
      total += pair.history.bytes();
    }
    ASSERT_EQ(budget_.bytes(), total);
    ASSERT_EQ(budget_.oldest(), order_.empty() ? nullptr : &order_.front()->history);
  }

  std::mt19937_64 random_;
  bool with_ttl_;
  HistoryBudget budget_{40'000};
  Pair pairs_[4]{Pair(budget_), Pair(budget_), Pair(budget_), Pair(budget_)};
  std::list<Pair*> order_;  // by use, the least recent first
  std::uint64_t offset_ = 0;
  std::int64_t now_ms_ = 1'000'000;
};

TEST(History, Does_what_a_plain_list_does_under_random_use) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    HistoryModelRun(seed, seed % 2 == 0).run(1500);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace crier::hub
