// A message that travels this loop → the next loop → this loop, through the very hub that carries
// everybody's messages. When it stops coming back, the broker is not ready, however healthy it looks.
#pragma once

#include <cstdint>
#include <string>

#include "broker/hub/shard.hpp"
#include "broker/hub/subscriber.hpp"

namespace crier::net {

class SelfProbe final : public hub::Subscriber {
 public:
  explicit SelfProbe(hub::Shard& shard);
  ~SelfProbe();
  void send();

  void deliver(const hub::ChunkPtr& chunk) override;
  [[nodiscard]] bool on_subscribed(hub::SubscribeAnswer& answer) override;
  // It never lags, asks for nothing else and wants no acknowledgement.
  void on_lost(const hub::Subscription& /*subscription*/) override {}
  void on_pattern(hub::Subscription& /*subscription*/, const Error* /*refused*/) override {}
  void on_fetched(hub::FetchAnswer& /*answer*/) override {}
  void on_history(hub::HistoryAnswer& /*answer*/) override {}
  void on_presence(hub::PresenceAnswer& /*answer*/) override {}
  void on_published(hub::PublishAnswer& /*answer*/) override {}
  void on_epoch_change(hub::Subscription& /*subscription*/, const command::Position& /*position*/) override {}
  void on_credit(std::size_t /*bytes*/) override {}

 private:
  hub::Shard& shard_;
  hub::SessionRef ref_;
  std::string channel_;
  hub::Subscription* subscription_ = nullptr;
};

}  // namespace crier::net
