#include "broker/net/self_probe.hpp"

#include "broker/net/worker.hpp"

namespace crier::net {

SelfProbe::SelfProbe(hub::Shard& shard) : shard_(shard), ref_(shard.attach(*this)) {
  const auto& settings = shard.settings();
  const auto next = static_cast<hub::ShardId>((settings.self + 1) % settings.shard_count);
  // No client can name such a channel: names hold no space.
  for (unsigned i = 0; channel_.empty(); ++i) {
    std::string name =
        std::string(hub::internal_channel_prefix) + std::to_string(settings.self) + "." + std::to_string(i);
    if (shard.home_of(hub::hash_of(name)) == next) channel_ = std::move(name);
  }
  subscription_ = &shard.subscribe(*this, ref_, channel_, {});
}

SelfProbe::~SelfProbe() {
  shard_.unsubscribe(*subscription_);
  shard_.detach(ref_);
}

void SelfProbe::send() {
  shard_.metrics().probes_sent.add();
  hub::MessageOptions options;
  options.probe = true;
  shard_.publish(ref_, hub::MessageDraft(channel_, hub::hash_of(channel_), "0", options), {});
}

void SelfProbe::deliver(const hub::ChunkPtr& /*chunk*/) {
  shard_.metrics().probe_returned_ms.store(steady_ns() / 1'000'000, std::memory_order_relaxed);
}

bool SelfProbe::on_subscribed(hub::SubscribeAnswer& answer) {
  if (answer.start) shard_.make_live(*subscription_);
  return true;
}

}  // namespace crier::net
