// The home side of a shard: the channels whose order it decides.
//
// Every message of a channel passes its home, which gives it the next offset of the shard's running
// sequence and sends it to each shard that has subscriptions. Offsets of one channel therefore grow
// strictly and are not dense, and a channel that is forgotten and comes back never reuses one.
//
// Owner: the shard. Thread: the shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/hub/inline_vector.hpp"
#include "broker/hub/mail.hpp"
#include "broker/hub/name_table.hpp"
#include "broker/runtime/thread_metrics.hpp"

namespace crier::hub {

// Where a home puts what it has for a shard.
class DeliveryLanes {
 public:
  virtual void send_message(ShardId to, const MessagePtr& message) = 0;
  virtual void send_answer(ShardId to, Delivery answer) = 0;
  virtual void send_credit(ShardId to, SessionRef session, std::size_t bytes) = 0;

 protected:
  ~DeliveryLanes() = default;
};

class Home {
 public:
  Home(std::string epoch, std::size_t channels_max, DeliveryLanes& lanes, runtime::ThreadMetrics& metrics)
      : epoch_(std::move(epoch)), channels_max_(channels_max), lanes_(lanes), metrics_(metrics) {}

  void handle(ShardId from, Request& request, std::int64_t now_ms);

 private:
  // So many subscriptions of that shard. Counted one by one, never as a set: a shard's last subscriber
  // may leave behind a subscription that is still on its way (design rule 1).
  struct Interest {
    ShardId shard = 0;
    std::uint16_t unused = 0;
    std::uint32_t subscriptions = 0;
  };
  struct Channel {
    Channel(std::string_view name, std::size_t hash) : name_(name), hash_(hash) {}
    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    [[nodiscard]] std::size_t hash() const noexcept { return hash_; }
    InlineVector<Interest> interests;

   private:
    std::string name_;
    std::size_t hash_;
  };

  void publish(ShardId from, PublishRequest& request, std::int64_t now_ms);
  void subscribe(ShardId from, SubscribeRequest& request);
  void unsubscribe(ShardId from, const UnsubscribeRequest& request);

  std::string epoch_;
  std::size_t channels_max_;
  DeliveryLanes& lanes_;
  runtime::ThreadMetrics& metrics_;
  NameTable<Channel> channels_;
  std::uint64_t sequence_ = 0;
};

}  // namespace crier::hub
