// A subscriber that writes down everything it gets, in the order in which a socket would get it.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "broker/hub/shard.hpp"
#include "tests/support/fake_world.hpp"
#include "tests/support/server_frames.hpp"

namespace crier::testing {

// A message as it was heard.
struct Heard {
  std::string channel;
  std::uint64_t offset = 0;
  std::string data;  // JSON
  friend bool operator==(const Heard&, const Heard&) = default;
};

inline Heard parse_heard(const std::string& text) {
  const nlohmann::json push = nlohmann::json::parse(text);
  EXPECT_EQ(push.at("op"), "message");
  const auto position = push.at("position").get<std::string>();
  return {push.at("channel"), std::stoull(position.substr(position.find(':') + 1)), push.at("data").dump()};
}

class FakeSubscriber final : public hub::Subscriber {
 public:
  // One subscription, from its `subscribe` on.
  struct Stay {
    std::string channel;
    std::optional<std::uint64_t> start;  // the position in the answer; none: pending or refused
    std::optional<bool> recovered;
    std::optional<ErrorCode> refused;
    hub::Subscription* subscription = nullptr;  // null once it ended
    std::uint32_t serial = 0;
    std::vector<Heard> heard;
  };

  FakeSubscriber(FakeWorld& world, std::size_t shard, std::uint64_t name, hub::WireForm form = hub::WireForm::json)
      : shard_(world.shard(shard)), ref_(shard_.attach(*this)) {
    id_ = {name, ~name};
    form_ = form;
  }
  ~FakeSubscriber() {
    if (!dead_) die();
  }

  // As a session's end: its subscriptions, then itself.
  void die() {
    for (Stay& stay : stays_) end(stay);
    shard_.detach(ref_);
    chunks_.clear();
    dead_ = true;
  }
  [[nodiscard]] bool dead() const { return dead_; }
  [[nodiscard]] hub::SessionRef ref() const { return ref_; }

  // Returns the stay's number.
  std::size_t subscribe(std::string_view channel, hub::Shard::SubscribeOptions options = {}) {
    CRIER_ASSERT(current(channel) == nullptr);
    hub::Subscription& subscription = shard_.subscribe(*this, ref_, channel, std::move(options));
    inflight_bytes_ += hub::request_bytes;
    stays_.push_back({std::string(channel), {}, {}, {}, &subscription, subscription.serial, {}});
    return stays_.size() - 1;
  }
  void unsubscribe(std::string_view channel) { end(*current(channel)); }
  [[nodiscard]] bool subscribed(std::string_view channel) { return current(channel) != nullptr; }

  // In the middle of a turn.
  std::function<void(const Heard&)> when_acknowledged;

  // Every one is acknowledged, but those that are `silent`.
  void publish(std::string_view channel, std::string_view data, bool silent = false, hub::MessageOptions options = {}) {
    hub::MessageDraft draft(channel, hub::hash_of(channel), data, options);
    inflight_bytes_ += draft->bytes();
    hub::ReplyTag tag;
    if (!silent) tag.kind = hub::ReplyTag::Kind::single;
    shard_.publish(ref_, std::move(draft), std::move(tag));
  }

  // To be called when the chunks are sealed.
  void read() {
    for (const auto& [chunk, live] : chunks_) {
      for (const std::string& text : read_texts(chunk->bytes)) {
        Heard heard = parse_heard(text);
        // The subscription that was live when the chunk was handed over; no chunk outlives that.
        const auto found = live.find(heard.channel);
        if (found == live.end()) {
          ADD_FAILURE() << "a message without a subscription: " << text;
        } else {
          stays_[found->second].heard.push_back(std::move(heard));
        }
      }
    }
    chunks_.clear();
  }

  [[nodiscard]] const std::vector<Stay>& stays() const { return stays_; }
  [[nodiscard]] const std::vector<Heard>& heard(std::size_t stay = 0) const { return stays_[stay].heard; }
  [[nodiscard]] std::vector<std::string> data(std::size_t stay = 0) const {
    std::vector<std::string> all;
    for (const Heard& one : stays_[stay].heard) all.push_back(one.data);
    return all;
  }
  [[nodiscard]] const std::vector<Heard>& acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::size_t inflight_bytes() const { return inflight_bytes_; }
  // How many answers came for subscriptions that had ended.
  [[nodiscard]] std::size_t stale_answers() const { return stale_answers_; }

  void deliver(const hub::ChunkPtr& chunk) override {
    CRIER_ASSERT(!dead_);
    std::map<std::string, std::size_t> live;
    for (std::size_t at = 0; at < stays_.size(); ++at) {
      if (stays_[at].subscription != nullptr && stays_[at].start) live[stays_[at].channel] = at;
    }
    chunks_.emplace_back(chunk, std::move(live));
  }
  [[nodiscard]] bool on_subscribed(hub::SubscribeAnswer& answer) override {
    Stay* const stay = by_serial(answer.serial);
    if (stay == nullptr) {
      ++stale_answers_;
      return false;
    }
    CRIER_ASSERT(!stay->start && !stay->refused);
    if (!answer.start) {
      shard_.forget(*stay->subscription);
      stay->subscription = nullptr;
      stay->refused = answer.start.error().code;
      return true;
    }
    stay->start = answer.start->position->offset;
    stay->recovered = answer.start->recovered;
    if (answer.start->at_top) {
      shard_.make_live(*stay->subscription);
    } else {
      shard_.start_replay(*stay->subscription, answer.start->after, answer.start->number);
      shard_.fetch(*stay->subscription, ref_, fetch_bytes);
    }
    return true;
  }
  void on_fetched(hub::FetchAnswer& answer) override {
    Stay* const stay = by_serial(answer.serial);
    if (stay == nullptr) return;
    EXPECT_FALSE(answer.evicted);
    for (const hub::MessagePtr& message : answer.messages) {
      if (!message->excludes(id())) stay->heard.push_back(heard_of(*message));
    }
    hub::CatchUp& catch_up = *stay->subscription->catch_up;
    catch_up.fetching = false;
    catch_up.after = answer.through;
    if (answer.at_top) return shard_.make_live(*stay->subscription);
    shard_.fetch(*stay->subscription, ref_, fetch_bytes);
  }
  void on_published(hub::PublishAnswer& answer) override {
    CRIER_ASSERT(!dead_ && answer.tag.kind == hub::ReplyTag::Kind::single && answer.message);
    acknowledged_.push_back(heard_of(*answer.message));
    if (when_acknowledged) when_acknowledged(acknowledged_.back());
  }
  // What is not asked for here.
  void on_lost(const hub::Subscription&) override { CRIER_ASSERT(false); }
  void on_pattern(hub::Subscription&, const Error*) override { CRIER_ASSERT(false); }
  void on_history(hub::HistoryAnswer&) override { CRIER_ASSERT(false); }
  void on_presence(hub::PresenceAnswer&) override { CRIER_ASSERT(false); }
  void on_epoch_change(hub::Subscription&, const command::Position&) override { CRIER_ASSERT(false); }
  void on_credit(std::size_t bytes) override {
    CRIER_ASSERT(!dead_ && bytes <= inflight_bytes_);
    inflight_bytes_ -= bytes;
  }

  // How much of a history it takes at once.
  std::size_t fetch_bytes = 1000;

 private:
  [[nodiscard]] static Heard heard_of(const hub::Message& message) {
    return {std::string(message.channel()), message.offset(), std::string(message.data_json())};
  }
  [[nodiscard]] Stay* by_serial(std::uint32_t serial) {
    for (Stay& stay : stays_) {
      if (stay.serial == serial && stay.subscription != nullptr) return &stay;
    }
    return nullptr;
  }
  [[nodiscard]] Stay* current(std::string_view channel) {
    for (Stay& stay : stays_) {
      if (stay.channel == channel && stay.subscription != nullptr) return &stay;
    }
    return nullptr;
  }
  void end(Stay& stay) {
    if (stay.subscription != nullptr) shard_.unsubscribe(*stay.subscription);
    stay.subscription = nullptr;
  }

  hub::Shard& shard_;
  hub::SessionRef ref_;
  std::vector<Stay> stays_;
  std::vector<std::pair<hub::ChunkPtr, std::map<std::string, std::size_t>>> chunks_;
  std::vector<Heard> acknowledged_;
  std::size_t inflight_bytes_ = 0;
  std::size_t stale_answers_ = 0;
  bool dead_ = false;
};

// A world and who is in it.
class FakeHall {
 public:
  explicit FakeHall(FakeWorld::Options options) : world(std::move(options)) {
    for (std::size_t shard = 0; shard < world.shard_count(); ++shard) {
      world.on_flush(shard, [this] { read(); });
    }
  }
  FakeSubscriber& enter(std::size_t shard, hub::WireForm form = hub::WireForm::json) {
    subscribers.push_back(std::make_unique<FakeSubscriber>(world, shard, subscribers.size() + 1, form));
    return *subscribers.back();
  }

  FakeWorld world;
  std::vector<std::unique_ptr<FakeSubscriber>> subscribers;  // the dead ones too

 private:
  void read() {
    for (const auto& subscriber : subscribers) subscriber->read();
  }
};

}  // namespace crier::testing
