// A table of subscribers without a shard, and subscribers that write down what they get.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "broker/hub/subscriber_table.hpp"
#include "protocol/command/channel_name.hpp"
#include "tests/support/server_frames.hpp"

namespace crier::hub {

// Keeps the chunks that it gets.
class TableListener final : public Subscriber {
 public:
  explicit TableListener(std::uint64_t name, WireForm form = WireForm::json) {
    id_ = {name, name};
    form_ = form;
  }
  void deliver(const ChunkPtr& chunk) override { chunks.push_back(chunk); }
  void deliver_event(const Subscription& subscription, const ChunkPtr& chunk, const Message& message) override {
    events.push_back(std::string(subscription.name()) + " " + std::string(message.data_json()));
    chunks.push_back(chunk);
  }
  void on_lost(const Subscription& subscription) override { lost.push_back(subscription.serial); }
  void on_epoch_change(Subscription&, const command::Position& position) override { epochs.push_back(position.text()); }
  [[nodiscard]] bool on_subscribed(SubscribeAnswer&) override { return false; }
  void on_pattern(Subscription&, const Error*) override {}
  void on_fetched(FetchAnswer&) override {}
  void on_history(HistoryAnswer&) override {}
  void on_presence(PresenceAnswer&) override {}
  void on_published(PublishAnswer&) override {}
  void on_credit(std::size_t) override {}
  // The data of all messages, which are single characters here.
  [[nodiscard]] std::string heard() const {
    std::string data;
    for (const ChunkPtr& chunk : chunks) {
      for (const std::string& text : testing::read_texts(chunk->bytes)) data += text.at(text.find("\"data\":") + 7);
    }
    return data;
  }

  std::vector<ChunkPtr> chunks;
  std::vector<std::string> events;  // form sse: "subscription data"
  std::vector<std::uint32_t> lost;
  std::vector<std::string> epochs;
};

class SubscriberTableTest : public ::testing::Test {
 protected:
  explicit SubscriberTableTest(BacklogLimits backlog = {}) : limits(backlog) {}
  // What becomes of slow readers: "lossy:" and "latest:" have no history, "deep:" and "shallow:" have one.
  static config::Config namespaces() {
    config::Config made;
    config::Namespace lossy;
    lossy.history.messages = 0;
    made.namespaces["strict"] = lossy;
    lossy.overflow = config::Overflow::drop_oldest;
    made.namespaces["lossy"] = lossy;
    lossy.overflow = config::Overflow::conflate;
    made.namespaces["latest"] = lossy;
    config::Namespace deep;
    deep.history.messages = 3;
    made.namespaces["deep"] = deep;
    deep.overflow = config::Overflow::drop_oldest;
    made.namespaces["shallow"] = deep;
    deep.overflow = config::Overflow::conflate;
    made.namespaces["newest"] = deep;
    return made;
  }
  Subscription& pending(TableListener& listener, std::string_view channel = "a") {
    subscriptions.push_back(&table.add(listener, channel, hash_of(channel), command::looks_like_pattern(channel)));
    return *subscriptions.back();
  }
  Subscription& live(TableListener& listener, std::string_view channel = "a") {
    Subscription& subscription = pending(listener, channel);
    table.make_live(subscription);
    return subscription;
  }
  void remove(Subscription& subscription) {
    std::erase(subscriptions, &subscription);
    table.remove(subscription);
  }
  void say(std::string_view data, std::string_view channel = "a", const MessageOptions& options = {}) {
    ++offset;
    table.deliver(MessageDraft(channel, hash_of(channel), data, options).seal({"e", offset, offset, 1}));
  }
  void TearDown() override {
    while (!subscriptions.empty()) remove(*subscriptions.back());
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(metrics.subscriptions.value(), 0);
    EXPECT_EQ(metrics.lagging.value(), 0);
    EXPECT_EQ(table.backlog_bytes(), 0U);
  }
  // What a lagging subscription reads: "1", and "(2)" or "(2c)" where so many are missing, "c" for conflated.
  std::string read(Subscription& subscription, std::size_t bytes_max = 1'000'000) {
    const Backlog::Read piece = table.read_backlog(subscription, bytes_max);
    std::string all;
    const auto hole = [&](std::uint64_t lost, bool conflated) {
      if (lost > 0) all.append("(").append(std::to_string(lost)).append(conflated ? "c)" : ")");
    };
    for (const Backlog::Item& item : piece.items) {
      hole(item.lost_before, item.conflated);
      all += item.message->data_json();
    }
    hole(piece.lost_at_end, false);
    return all.append(piece.at_top ? "." : "");
  }
  PresenceEvent event(PresenceEvent::Kind kind, std::uint64_t member, const std::string& channel = "a") {
    PresenceEvent made;
    made.kind = kind;
    made.channel_hash = hash_of(channel);
    made.channel = channel;
    made.member.session = {member, 0};
    made.page.count = member;
    return made;
  }

  runtime::ThreadMetrics metrics;
  ChunkPool pool;
  FrameEncoder encoder{{.bytes_min = 1, .level = 1}};
  config::Config config = namespaces();
  BacklogLimits limits;
  SubscriberTable table{pool, encoder, config, limits, metrics};
  std::uint64_t offset = 0;
  std::vector<Subscription*> subscriptions;
};

}  // namespace crier::hub
