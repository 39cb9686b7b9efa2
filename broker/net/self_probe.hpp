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
  [[nodiscard]] bool on_subscribed(std::uint32_t serial, const Result<command::Position>& start) override;
  void on_published(hub::ReplyTag& /*tag*/, const hub::Message& /*message*/) override {}
  void on_credit(std::size_t /*bytes*/) override {}

 private:
  hub::Shard& shard_;
  hub::SessionRef ref_;
  std::string channel_;
  hub::Subscription* subscription_ = nullptr;
};

}  // namespace crier::net
