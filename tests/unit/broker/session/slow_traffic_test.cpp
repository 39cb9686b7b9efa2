// Real sessions on several shards with sockets that take little at a time: the whole path from a command's
// text to the bytes on the wire, under a scheduler drawn from a seed.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/fake_host.hpp"

namespace crier::session {
namespace {

using testing::FakeClient;
using testing::FakeLoop;
using testing::FakeWorld;

constexpr std::size_t inflight_max = 3000;

class SlowTraffic {
 public:
  SlowTraffic(hub::ShardId shards, std::uint64_t seed)
      : world_({.shards = shards,
                .seed = seed,
                .inflight_bytes_max = inflight_max,
                .lane_bytes_max = 2000,
                .config = &config_}) {
    config_.limits.inflight_bytes_max = inflight_max;
    for (std::size_t id = 0; id < shards; ++id) {
      loops_.push_back(std::make_unique<FakeLoop>(world_, id));
      world_.on_flush(id, [this, id] { flush(id); });
    }
    for (std::size_t id = 0; id < 2U * shards; ++id) {
      clients_.push_back(std::make_unique<FakeClient>(
          *loops_[id % shards], id + 1, id % 3 == 0 ? hub::WireForm::json_deflate_small : hub::WireForm::json));
      for (const char* channel : {"a", "b", "c"}) clients_[id]->say(subscribe(channel));
    }
    EXPECT_TRUE(world_.settle());
    EXPECT_EQ(world_.subscriptions(), 6 * shards);
  }

  // Everybody publishes until all is said; whoever is paused waits.
  void run(std::size_t messages_each) {
    std::vector<std::size_t> said(clients_.size());
    testing::Chance& chance = world_.chance();
    for (int idle = 0; idle < 1000;) {
      const bool moved = world_.step();
      bool spoke = false;
      for (std::size_t who = 0; who < clients_.size(); ++who) {
        if (clients_[who]->host.paused || said[who] == messages_each || chance.one_in(2)) continue;
        clients_[who]->say(publish(who, ++said[who], chance));
        spoke = true;
      }
      idle = moved || spoke ? 0 : idle + 1;
    }
    ASSERT_EQ(said, std::vector<std::size_t>(clients_.size(), messages_each)) << "somebody stayed paused for ever";
  }

  void check(std::size_t messages_each) {
    std::map<std::string, std::vector<std::string>> first;
    for (std::size_t who = 0; who < clients_.size(); ++who) {
      const auto heard = read(who);
      std::size_t count = 0;
      for (const auto& [channel, messages] : heard) count += messages.size();
      EXPECT_EQ(count, messages_each * clients_.size());
      if (who == 0) first = heard;
      EXPECT_EQ(heard, first) << "client " << who << " heard another order";
      EXPECT_FALSE(clients_[who]->host.paused);
      EXPECT_TRUE(clients_[who]->host.outbox().empty());
    }
    for (std::size_t id = 0; id < world_.shard_count(); ++id) {
      EXPECT_EQ(world_.shard(id).chunks().retained_bytes(), 0U);
    }
  }

 private:
  static std::string subscribe(const std::string& channel) {
    return R"({"op":"subscribe","channel":")" + channel + "\"}";
  }
  static std::string publish(std::size_t who, std::size_t number, testing::Chance& chance) {
    const std::string channel(1, static_cast<char>('a' + chance.below(3)));
    const std::string id = chance.one_in(2) ? R"(,"id":1)" : "";
    return R"({"op":"publish","channel":")" + channel + R"(","data":")" + std::to_string(who) + "." +
           std::to_string(number) + std::string(chance.below(600), ' ') + "\"" + id + "}";
  }
  void flush(std::size_t shard) {
    for (std::size_t who = shard; who < clients_.size(); who += world_.shard_count()) {
      clients_[who]->host.flush(world_.chance().below(900));
    }
  }
  // What a client heard: by channel, the data in their order.
  std::map<std::string, std::vector<std::string>> read(std::size_t who) {
    std::map<std::string, std::vector<std::string>> heard;
    for (const std::string& text : clients_[who]->host.take_texts()) {
      const nlohmann::json push = nlohmann::json::parse(text);
      if (push["op"] != "message") continue;
      heard[push["channel"]].push_back(push["data"]);
    }
    // Each publisher's numbers grow within a channel.
    for (const auto& [channel, messages] : heard) {
      std::map<std::string, int> last;
      for (const std::string& data : messages) {
        const std::size_t dot = data.find('.');
        int& number = last[data.substr(0, dot)];
        EXPECT_GT(std::stoi(data.substr(dot + 1)), number);
        number = std::stoi(data.substr(dot + 1));
      }
    }
    return heard;
  }

  config::Config config_;
  FakeWorld world_;
  std::vector<std::unique_ptr<FakeLoop>> loops_;
  std::vector<std::unique_ptr<FakeClient>> clients_;
};

TEST(SlowTraffic, Reaches_everybody_whole_and_in_one_order_through_sockets_that_take_little_at_a_time) {
  for (hub::ShardId shards = 1; shards <= 4; ++shards) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE("shards " + std::to_string(shards) + ", seed " + std::to_string(seed));
      SlowTraffic traffic(shards, seed);
      ASSERT_NO_FATAL_FAILURE(traffic.run(30));
      traffic.check(30);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace crier::session
